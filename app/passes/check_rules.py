"""What the parts of the pass checker share."""


class BadPass(ValueError):
    """A phone would refuse this pass, or show it wrongly; the text says why, for a person."""


def need(condition: bool, sentence: str) -> None:
    """Raises BadPass with `sentence` unless `condition` holds."""
    if not condition:
        raise BadPass(sentence)
