"""The emojivoto demo application: web, emoji, voting and the bot that votes.

*Source:* BuoyantIO/emojivoto at e490d57 for behaviour, image tag v11 for defaults. The knobs that came after
v11 (``FAILURE_RATE``, ``ARTIFICIAL_DELAY``, ``REQUEST_RATE``, ``TTL``, ``MESSAGE_OF_THE_DAY``) work when set.
"""

from functools import partial

from sim.cluster.program import Container, Images, Program
from sim.programs.emojivoto.catalog import load_catalog
from sim.programs.emojivoto.emoji import EmojiService
from sim.programs.emojivoto.votebot import VoteBot
from sim.programs.emojivoto.voting import VotingService
from sim.programs.emojivoto.web import Web
from sim.programs.world import World

__all__ = ["register"]


def register(images: Images, world: World) -> None:
    """Publish emojivoto's three images."""
    catalog = load_catalog()

    def web_image(container: Container) -> Program:
        # One image holds two binaries; the manifest's command chooses.
        if any("vote-bot" in word for word in container.command):
            return VoteBot(container, world)
        return Web(container, world, catalog)

    images.add("emojivoto-web", web_image, megabytes=50.0)
    images.add("emojivoto-emoji-svc", partial(EmojiService, world=world, catalog=catalog), megabytes=45.0)
    images.add("emojivoto-voting-svc", partial(VotingService, world=world, catalog=catalog), megabytes=45.0)
