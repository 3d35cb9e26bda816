"""How the destination service finds addresses and profiles in the objects it watches."""
