"""A whole look at a store, as a scrub takes it step by step."""

from backstory.ports.scrubbing import Place


async def scrubbed(store):
    """All damage, and how many things were looked at."""
    place, damage, count = Place(), [], 0
    while place is not None:
        looked = await store.scrub(place)
        damage += looked.damage
        count += looked.count
        place = looked.next
    return damage, count
