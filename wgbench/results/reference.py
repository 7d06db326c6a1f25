"""Where ERM ends beside an entry, by the entry's own scores."""


def erm_final(final: float, excess: float | None, *, is_baseline: bool) -> float | None:
    """ERM's final score with the same loss and recipe, from an entry's own and its excess over ERM's.

    The baseline of others is its own reference; None where an entry was compared with none.
    """
    if excess is not None:
        return final - excess
    return final if is_baseline else None
