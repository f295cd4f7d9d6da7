"""One rule of a programme as a form: conditions and an effect that were chosen, each with its own fields; read back as terms.Rule."""
from collections.abc import Callable, Mapping
from typing import Any

from app.console.program_fields import Typed, Values, amount_text, share_text, times_text, whole_text
from app.errors import FieldError, Invalid
from app.programs import terms
from app.programs.rules import ProgramRules
from app.programs.terms import Caps, Effect, Rule, Said, When
from app.text import N_

# What can be asked, as one chooses it, and the fields of terms.When that belong to it.
CONDITIONS: dict[str, tuple[str, ...]] = {
    "amount": ("amount_from", "amount_to"), "lines": ("categories", "skus", "quantity_from"), "weekdays": ("weekdays",),
    "hours": ("time_from", "time_to"), "locations": ("locations",), "channels": ("channels",), "tenders": ("tenders",),
    "levels": ("levels",), "segments": ("segments",), "birthday": ("birthday_before", "birthday_after"),
    "first_purchase": ("first_purchase",), "promo": ("promo",), "favourite": ("favourite",), "event": ("event", "event_days")}
CONDITION_WORDS = {
    "amount": N_("the receipt’s sum"), "lines": N_("what is bought"), "weekdays": N_("days of the week"), "hours": N_("the time of day"),
    "locations": N_("the location"), "channels": N_("where it is bought"), "tenders": N_("how it is paid"),
    "levels": N_("the shopper’s level"), "segments": N_("a group of shoppers"),
    "birthday": N_("the birthday"), "first_purchase": N_("the first purchase"),
    "promo": N_("a promo code"), "favourite": N_("the favourite product"), "event": N_("something besides a purchase")}
EFFECTS = {"earn": terms.Earn, "earn_rate": terms.EarnRate, "multiply": terms.Multiply, "discount": terms.Discount,
           "buy_get": terms.BuyGet, "voucher": terms.GiveVoucher, "reward": terms.GiveReward}
EFFECT_WORDS = {
    "earn": N_("gives a fixed number"), "earn_rate": N_("earns more for what is paid"), "multiply": N_("multiplies what is earned"),
    "discount": N_("takes something off"), "buy_get": N_("makes pieces free or cheaper"), "voucher": N_("gives a voucher for later"),
    "reward": N_("gives a reward at once")}
UNIT_WORDS = {"points": N_("points"), "money": N_("of money"), "stamps": N_("stamps"), "visits": N_("visits")}
CHANNELS = {"till": N_("at the till"), "web": N_("on the web"), "app": N_("in the app")}
WEEKDAYS = (N_("Mo"), N_("Tu"), N_("We"), N_("Th"), N_("Fr"), N_("Sa"), N_("Su"))
EVENT_WORDS = {"birthday": N_("it is their birthday"), "review": N_("a review was written"), "referral": N_("a friend was brought"),
               "activated": N_("the card was activated"), "absent": N_("they have not come for a while")}
CAPS = ("receipt", "day", "person", "campaign")


def blank() -> Values:
    """A rule that nobody wrote yet."""
    return {"name_en": "", "name_ru": "", "conditions": [], "effect": "multiply", "times": "2", "priority": "0"}


def effect_name(effect: Effect) -> str:
    return next(name for name, kind in EFFECTS.items() if type(effect) is kind)


def counts_money(effect: str, unit: str) -> bool:
    """Whether the caps of such an effect are amounts of money. unit: what the effect gives, or the programme's."""
    return effect in ("discount", "buy_get") or (effect in ("earn", "earn_rate", "multiply") and unit == "money")


def typed_of(rule: Rule, rules: ProgramRules, currency: str, location_id: Callable[[int], str]) -> Values:
    """The rule as the form shows it. location_id: the public id of a row id."""
    when, effect = rule.when, effect_name(rule.effect)
    conditions = [name for name, fields in CONDITIONS.items() if any(getattr(when, each) not in (None, (), False) for each in fields)]
    unit = rule.effect.unit if isinstance(rule.effect, terms.Earn) else rules.unit
    cap = (lambda amount: amount_text(amount, currency)) if counts_money(effect, unit) else whole_text
    return {
        "name_en": rule.name.en, "name_ru": rule.name.ru, "conditions": conditions, "effect": effect,
        **_when_typed(when, currency, location_id), **_effect_typed(rule.effect, currency),
        "starts_on": rule.starts_on or "", "ends_on": rule.ends_on or "", "priority": str(rule.priority),
        "exclusive": "1" if rule.exclusive else "", "paused": "1" if rule.paused else "",
        **{f"cap_{name}": cap(getattr(rule.caps, name)) for name in CAPS}}


def _when_typed(when: When, currency: str, location_id: Callable[[int], str]) -> Values:
    return {
        "amount_from": amount_text(when.amount_from, currency), "amount_to": amount_text(when.amount_to, currency),
        "categories": ", ".join(when.categories), "skus": ", ".join(when.skus), "quantity_from": whole_text(when.quantity_from),
        "weekdays": [str(day) for day in when.weekdays], "time_from": when.time_from or "", "time_to": when.time_to or "",
        "locations": [location_id(each) for each in when.locations], "channels": list(when.channels), "tenders": ", ".join(when.tenders),
        "levels": list(when.levels), "segments": list(when.segments), "birthday_before": whole_text(when.birthday_before),
        "birthday_after": whole_text(when.birthday_after), "promo": when.promo or "", "event": when.event or "",
        "event_days": whole_text(when.event_days)}


def _effect_typed(effect: Effect, currency: str) -> Values:
    match effect:
        case terms.Earn():
            amount = amount_text(effect.amount, currency) if effect.unit == "money" else str(effect.amount)
            return {"amount": amount, "unit": effect.unit, "each": "1" if effect.each else "", "days": whole_text(effect.days),
                    "fades": fades_text(effect.fades)}
        case terms.EarnRate():
            return {"points": str(effect.points), "per": amount_text(effect.per_minor, currency), "days": whole_text(effect.days),
                    "fades": fades_text(effect.fades)}
        case terms.Multiply():
            return {"times": times_text(effect.by_bp)}
        case terms.Discount():
            return {"share": share_text(effect.share_bp) if effect.share_bp else "",
                    "off": amount_text(effect.amount_minor, currency) if effect.amount_minor else ""}
        case terms.BuyGet():
            return {"buy": str(effect.buy), "get": str(effect.get), "get_share": share_text(effect.discount_bp)}
        case terms.GiveVoucher():
            return {"reward": effect.reward, "days": whole_text(effect.days)}
        case terms.GiveReward():
            return {"reward": effect.reward}


def fades_text(fades: tuple[terms.Fade, ...]) -> str:
    """"7: 50, 14: 50": after so many days so many per cent end."""
    return ", ".join(f"{fade.days}: {share_text(fade.share_bp)}" for fade in fades)


def read_fades(typed: Typed, name: str) -> tuple[terms.Fade, ...]:
    """The reverse of `fades_text`."""
    found = []
    for word in typed.words(name):
        days, colon, share = word.partition(":")
        part = Typed({"days": days.strip(), "share": share.strip().rstrip("%").strip()}, typed.currency)
        found.append(terms.Fade(part.whole("days"), part.share("share")))
        if not colon or part.wrong:
            typed.refuse(name, "fades", N_("Write the steps as 7: 50, 14: 50, that is, 50 % end after 7 days and 50 % after 14."))
            return ()
    return tuple(found)


def rule_of(values: Values, key: str, rules: ProgramRules, currency: str, row_ids: Mapping[str, int]) -> Rule:
    """The rule that a form means. row_ids: public ids of the locations to their row ids. Raises Invalid by the form's names."""
    typed = Typed(values, currency)
    effect = typed.choice("effect", tuple(EFFECTS))
    unit = typed.choice("unit", tuple(UNIT_WORDS)) if effect == "earn" else rules.unit
    cap = typed.amount_or_none if counts_money(effect, unit) else typed.whole_or_none
    rule = Rule(
        key, Said(typed.text("name_en"), typed.text("name_ru")), _effect_of(typed, effect), _when_of(typed, row_ids),
        starts_on=typed.day("starts_on"), ends_on=typed.day("ends_on"), priority=_priority(typed),
        exclusive=typed.flag("exclusive"), paused=typed.flag("paused"), caps=Caps(**{name: cap(f"cap_{name}") for name in CAPS}))
    if not rule.name.en and not rule.name.ru:
        typed.refuse("name_en", "name", N_("Give the rule a name, in one language or in both."))
    typed.done()
    return rule


def _priority(typed: Typed) -> int:
    text = typed.text("priority")
    if not text:
        return 0
    below = text.startswith(("-", "−"))
    read = Typed({"priority": text[1:] if below else text}, typed.currency)
    number = read.whole("priority")
    if read.wrong or number > 1000:
        typed.refuse("priority", "integer", N_("Type a whole number from -1000 to 1000."))
        return 0
    return -number if below else number


def _when_of(typed: Typed, row_ids: Mapping[str, int]) -> When:
    """The chosen conditions; one that was chosen and left empty is said, because it would hold always."""
    found: dict[str, Any] = {}
    for name in typed.several("conditions"):
        fields = _condition(typed, name, row_ids) if name in CONDITIONS else {}
        if fields and all(value in (None, (), "") for value in fields.values()) and not typed.wrong:
            typed.refuse(next(iter(fields)), "empty", N_("Fill this in, or take the condition away."))
        found |= {field: value for field, value in fields.items() if value not in (None, "")}
    return When(**found)


def _condition(typed: Typed, name: str, row_ids: Mapping[str, int]) -> dict[str, Any]:
    """The fields of terms.When that one condition sets."""
    match name:
        case "amount":
            return {each: typed.amount_or_none(each) for each in ("amount_from", "amount_to")}
        case "lines":
            return {"categories": typed.words("categories"), "skus": typed.words("skus"),
                    "quantity_from": typed.whole_or_none("quantity_from")}
        case "weekdays":
            return {"weekdays": tuple(sorted({int(day) for day in typed.several("weekdays") if day in tuple("1234567")}))}
        case "hours":
            return {each: typed.clock(each) for each in ("time_from", "time_to")}
        case "locations":
            return {"locations": tuple(row_ids[each] for each in typed.several("locations") if each in row_ids)}
        case "channels" | "levels" | "segments":
            return {name: tuple(typed.several(name))}
        case "tenders":
            return {"tenders": typed.words("tenders")}
        case "birthday":
            return {each: typed.whole_or_none(each) or 0 for each in ("birthday_before", "birthday_after")}
        case "promo":
            return {"promo": typed.text("promo")}
        case "event":
            return {"event": typed.text("event"), "event_days": typed.whole_or_none("event_days")}
        case _:
            return {name: True}                # first_purchase and favourite


def _effect_of(typed: Typed, effect: str) -> Effect:
    match effect:
        case "earn":
            unit: Any = typed.text("unit") if typed.text("unit") in UNIT_WORDS else "points"
            amount = typed.amount("amount") if unit == "money" else typed.whole("amount")
            return terms.Earn(amount, unit, typed.flag("each"), typed.whole_or_none("days"), read_fades(typed, "fades"))
        case "earn_rate":
            return terms.EarnRate(typed.whole("points"), typed.amount("per"), typed.whole_or_none("days"), read_fades(typed, "fades"))
        case "multiply":
            return terms.Multiply(typed.times("times"))
        case "discount":
            return terms.Discount(typed.share_or_none("share") or 0, typed.amount_or_none("off") or 0)
        case "buy_get":
            return terms.BuyGet(typed.whole("buy"), typed.whole("get"), typed.share("get_share"))
        case "voucher":
            return terms.GiveVoucher(_reward(typed), typed.whole_or_none("days"))
        case _:
            return terms.GiveReward(_reward(typed))


def _reward(typed: Typed) -> str:
    reward = typed.text("reward")
    if not reward:
        typed.refuse("reward", "reward", N_("Choose a reward. Where there is none yet, add one first."))
    return reward


# What `checks` calls a part of a rule, where the form calls it otherwise.
_FORM_NAMES = {"effect.by_bp": "times", "effect.share_bp": "share", "effect.amount_minor": "off", "effect.discount_bp": "get_share",
               "effect.per_minor": "per", "name": "name_en", "name.en": "name_en", "name.ru": "name_ru"}


def form_names(refused: Invalid, at: int) -> Invalid:
    """What is wrong with rule number `at` (from 0) under the form's names; what is wrong elsewhere concerns the whole form."""
    fields = []
    for path, code, sentence in refused.fields:
        parts = path.replace("[", ".").replace("]", "").split(".")
        inside = parts[2:] if parts[:2] == ["rules", str(at)] else None
        fields.append(FieldError(_form_name(inside) if inside else "", code, sentence))
    return Invalid(fields=fields, params=refused.params)


def _form_name(parts: list[str]) -> str:
    joined = ".".join(part for part in parts if not part.isdigit())
    if joined in _FORM_NAMES:
        return _FORM_NAMES[joined]
    section, _, rest = joined.partition(".")
    if section == "caps":
        return f"cap_{rest}" if rest in CAPS else "cap_receipt"
    return rest.partition(".")[0] if section in ("when", "effect") and rest else section
