"""日本語。"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["TEXTS"]

TEXTS: Mapping[str, str] = MappingProxyType(
    {
        # -- the page
        "page.title": "meshdojo",
        "page.subtitle": "シミュレートしたクラスタの中で、本当に動くサービスメッシュ",
        "page.language": "言語",
        "page.clock": "シミュレーション {clock}",
        "page.clock.help": "開始からのシミュレーション時間。クラスタ内の日時は {date} です。",
        "page.replaying": "セッションを再生しています: {total} 行中 {done} 行目",
        "page.running": "実行中…",
        # -- time and session
        "time.play": "再生",
        "time.pause": "一時停止",
        "time.speed": "一秒あたりのシミュレーション秒数",
        "time.stopped": "{ticks} 回進んだので自動的に止まりました。続けるには「再生」を押してください。",
        "time.10": "+10 秒",
        "time.60": "+1 分",
        "time.300": "+5 分",
        "session.undo": "元に戻す",
        "session.undo.help": "最後の一行を取り消します。その行を除いてセッションを再生します。",
        "session.reset": "最初に戻る",
        "session.reset.help": "何も入っていない新しいクラスタから始めます。",
        "session.share": "共有",
        "session.share.text": "このリンクにはセッションのすべて（シナリオ、シード、"
        "入力した行）が入っています。"
        "開いた人は、同じ状態の同じクラスタを得ます。",
        "session.share.long": "セッションが長すぎてリンクに入りません。行をダウンロードしてください。",
        "session.download": "行をダウンロード",
        "session.download.help": "端末で実行できます: meshdojo sh FILE --scenario {scenario} --seed {seed}",
        "session.scenario": "シナリオ",
        "session.seed": "シード",
        "session.start": "この設定で始める",
        "session.settings": "シナリオ",
        "session.full": "このセッションは計算量の上限に達しました。元に戻すか、最初に戻ってください。",
        # -- messages about bad input
        "bad.share": "リンクのセッションを読めません（{why}）。新しいセッションを始めました。",
        "bad.scenario": "そのシナリオはありません: {why}。代わりにチュートリアルを開きました。",
        "bad.seed": "リンクのシードが 0 以上の整数ではありません。シナリオのシードを使います。",
        "bad.lang": "{lang} という言語はありません。en と ja があります。",
        "bad.long": "その行は {length:,} 文字あります。読めるのは {limit:,} 文字までです。",
        "bad.failed": "起きてはならない問題が起きました（{why}）。セッションは元のままです。"
        "ご報告いただけると助かります。",
        # -- steps
        "steps.title": "チュートリアル",
        "steps.intro": "ボタンはそれぞれのコマンドを入力します。√ は、"
        "その手順が済んだとクラスタから分かることを表します。",
        "steps.next": "次",
        "step.pre": "クラスタの準備はよいか",
        "step.pre.text": "入れる前に調べます。必要なものを作る権限はあるか、時計は合っているか。",
        "step.install": "コントロールプレーンを入れる",
        "step.install.text": "`linkerd install` はマニフェストを表示するだけです。"
        "実際に作るのは `kubectl apply` です。",
        "step.viz": "ダッシュボードの部品を入れる",
        "step.viz.text": "2.10 から計測は拡張になりました。Prometheus、tap、metrics "
        "API、ダッシュボードです。",
        "step.check": "うまくいったか",
        "step.check.text": "同じコマンドで、今度は動いているものを調べます。証明書、"
        "Pod、Prometheus。Pod が起動する間は待ちます。",
        "step.deploy": "アプリケーションを動かす",
        "step.deploy.text": "emojivoto: 投票ページ、絵文字を知るサービス、票を数えるサービス、"
        "毎秒投票するボット。",
        "step.pods": "Pod を見る",
        "step.pods.text": "三分後、1/1、つまり Pod ごとにコンテナは一つ。ボットは投票していますが、"
        "メッシュには何も見えません。",
        "step.inject": "メッシュに入れる",
        "step.inject.text": "Deployment ごとに注釈を一つ。Pod は作り直され、"
        "受け入れの際にインジェクタがプロキシを加えます。",
        "step.rollout": "新しい Pod を待つ",
        "step.rollout.text": "名前が変わり、2/2 になります。アプリケーションとプロキシです。",
        "step.stat": "メッシュに見えた",
        "step.stat.text": "成功率、毎秒の要求数、レイテンシ。ドーナツはわざと失敗します。"
        "六票に一票ほどです。",
        # -- what if
        "knobs.title": "もしも…",
        "knobs.wait": "先にアプリケーションを動かしてください。",
        "knobs.mesh": "emojivoto をメッシュに入れる",
        "knobs.mesh.help": "注釈を付け外しします。Pod が作り直されるので、一分ほど進めてください。",
        "knobs.mesh.wait": "コントロールプレーンがまだないので、何も注入できません。",
        "knobs.doughnut": "ドーナツへの投票が失敗する割合（%）",
        "knobs.doughnut.help": "voting への障害です。アプリケーション自身は、すべて失敗させます。",
        "knobs.delay": "加えるレイテンシ（ms）",
        "knobs.delay.help": "選んだワークロードの応答がすべてその分だけ遅くなります。",
        "knobs.delay.to": "遅くする相手",
        "knobs.bots": "負荷: 投票するボットの数",
        "knobs.bots.help": "どのボットも、応答を待ち、一秒休み、また投票します。",
        "steps.ran": "最後に入力した行",
        # -- golden table
        "golden.title": "ゴールデンメトリクス",
        "golden.namespace": "名前空間",
        "golden.name": "名前",
        "golden.meshed": "Meshed",
        "golden.success": "成功率",
        "golden.rps": "RPS",
        "golden.none": "Deployment はまだありません。最初の手順から始めてください。",
        "golden.as": "最近一分間について、このコマンドが表示するとおり:",
        "golden.legend": "成功率: :green[●] 良い · :orange[▲] 95 % 未満 · :red[◆] 90 % 未満",
        "golden.caption": "このページは同じ標本に同じ問い合わせをしますが、"
        "シミュレートしたネットワークは通りません。"
        "コマンドを入力すると数ミリ秒（シミュレーション）かかりますが、ここを見るのにはかかりません。",
        "why.not_installed": "このクラスタにはまだメッシュがありません。",
        "why.no_viz": "viz 拡張がないので、誰も計測していません。",
        "why.starting": "コントロールプレーンはまだ起動中です。",
        "why.prometheus_down": "Prometheus が止まっています。何も集められず、何も尋ねられません。",
        "why.api_down": "答えるはずの部品が止まっています。",
        "why.not_meshed": "まだメッシュの外。Pod は 1/1 で、数えるプロキシがありません。",
        "why.nobody_calls": "誰にも呼ばれません。要求を送るだけです。",
        "why.no_traffic": "最近一分間に数えた要求がありません（新しい Pod では 20 秒かかります）。",
        "why.no_pods": "Pod がありません。",
        # -- topology
        "topology.title": "誰が誰を呼ぶか",
        "topology.caption": "数値は最近一分間に起きたことです。点は {begin:.0f} 秒から "
        "{end:.0f} 秒までを、十秒を十秒で再生します。"
        "一つの要求の中では時間が {stretch:.0f} 倍ゆっくり流れます。",
        "topology.every": "{every} 件に 1 件の要求を描いています。",
        "topology.idle": "最近十秒間に要求はありません。",
        "topology.empty": "ここではまだ何も動いていません。",
        "topology.pause": "止める",
        "topology.resume": "動かす",
        "topology.legend": "● 要求   ◆ 失敗   輪と錠: メッシュの中",
        "topology.alt": "{namespace} のワークロードと、その間の要求。{edges}",
        "topology.alt.edge": "{src} から {dst}: 毎秒 {rps} 件、成功率 {success}{secured}。",
        "topology.alt.secured": "、相互 TLS",
        "topology.table": "同じ内容の表",
        "topology.from": "呼ぶ側",
        "topology.to": "呼ばれる側",
        "topology.secured": "相互 TLS",
        "topology.yes": "√ はい",
        "topology.no": "いいえ",
        # -- charts
        "charts.title": "時間の流れ",
        "charts.workload": "要求の宛先",
        "charts.truth": "実際に起きたこと",
        "charts.truth.text": "送り手から見たすべての要求。{width:.0f} 秒ごと。",
        "charts.seen": "メッシュに見えたこと",
        "charts.seen.text": "プロキシが数え、10 秒ごとに集めたもの。各点は一分間。",
        "charts.success": "成功率（%）",
        "charts.rps": "毎秒の要求数",
        "charts.latency": "レイテンシ（ms）",
        "charts.time": "シミュレーション時間（分）",
        "charts.quantile": "分位",
        "charts.no_truth": "要求はまだありません。",
        "charts.no_seen": "{workload} への要求は、メッシュには一つも見えていません。",
        "charts.alt": "{workload} の{what}、{view}: {begin:.1f} 分の {first} から "
        "{end:.1f} 分の {last} まで。",
        "charts.table": "数値の表",
        "charts.end": "終わり（秒）",
        "mark.inject": "注入",
        "mark.uninject": "取り外し",
        "mark.error": "エラー",
        "mark.latency": "遅延",
        "mark.clear": "解除",
        "mark.fault": "障害",
        "mark.scale": "台数",
        # -- pods, events, terminal
        "pods.title": "Pod",
        "pods.name": "名前",
        "pods.ready": "Ready",
        "pods.status": "状態",
        "pods.restarts": "再起動",
        "pods.age": "経過",
        "pods.node": "ノード",
        "pods.none": "Pod はありません。",
        "events.title": "イベント",
        "events.time": "時刻（秒）",
        "events.kind": "種類",
        "events.object": "対象",
        "events.message": "内容",
        "events.none": "イベントはありません。",
        "terminal.title": "端末",
        "terminal.text": "チュートリアルの行をそのまま入力できます: kubectl、linkerd、"
        "curl、fault、sleep、パイプ。",
        "terminal.label": "コマンド",
        "terminal.placeholder": "kubectl get pods -n emojivoto",
        "terminal.run": "実行",
        "terminal.empty": "まだ何も入力していません。",
        "terminal.status": "終了ステータス {status}",
        "terminal.played": "{seconds:.0f} 秒再生しました",
        # -- assumptions
        "about.title": "前提",
        "about.text": "クラスタはすべてシミュレーションで、その中のメッシュは本物のコードです。"
        "レイテンシはプリセットによります。"
        "比べてよいのは同じ調査の数値どうしだけです。",
        "about.preset": "レイテンシのプリセット",
        "about.figure": "項目",
        "about.value": "値",
        "about.source": "出典",
        "about.median": "プロキシが一つの要求にかける時間（中央値）",
        "about.sigma": "そのばらつき（対数の標準偏差）",
        "about.cpu": "要求ごとのプロキシの CPU 時間",
        "about.hop": "マシン間のネットワーク（片道）",
        "about.network": "ネットワーク自身の値",
    }
)
