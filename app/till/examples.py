"""A body for every call that takes one, as the document shows it. The tests send each of them; ids stand for those of the reader."""
from collections.abc import Mapping
from typing import Any

CARD, PROGRAM, REWARD = "crd_0v6m2q8x4w1hk", "prg_5t9c3n7r1z6ej", "rwd_8h2k6p0s4y9bd"
VOUCHER = "vch_3d7f1m5q9t2wx"
_RULES: dict[str, Any] = {
    "earn_points": 5, "earn_per_minor": 10_000, "worth_minor": 100, "largest_share_bp": 3_000, "lot_days": 365,
    "rules": [{"key": "happy-hours", "name": {"en": "Happy hours", "ru": "Счастливые часы"}, "effect": {"do": "multiply", "by_bp": 20_000},
               "when": {"weekdays": [1, 2, 3], "time_from": "14:00", "time_to": "17:00"}, "starts_on": "2026-12-01",
               "ends_on": "2026-12-31"}]}
_COFFEE: dict[str, Any] = {"key": "coffee", "kind": "product", "name": {"en": "A coffee", "ru": "Кофе"}, "sku": "4601", "value": 6_000,
                           "unit": "points", "cost": 100, "stock": 50}

EXAMPLES: Mapping[str, dict[str, Any]] = {
    "api:quote": {"card": CARD, "amount": 125_000, "lines": [{"sku": "4601", "name": "Coffee", "quantity": 2, "amount": 50_000}],
                  "redeem": {"points": 100}},
    "api:sell": {"card": CARD, "amount": 125_000, "redeem": {"points": 100}, "receipt": "A-1042", "tenders": ["card"],
                 "lines": [{"sku": "4601", "name": "Coffee", "quantity": 2, "amount": 50_000}]},
    "api:refund": {"lines": [{"line": 1, "quantity": 1}], "receipt": "R-17"},
    "api:issue_card": {"program": PROGRAM, "customer": {"phone": "+79161230001", "name": "Anna"},
                       "consent": {"terms": True, "marketing": False}},
    "api:create_webhook": {"url": "https://crm.example.com/tessera", "kinds": ["card.created", "operation.created"], "note": "CRM"},
    "api:change_webhook": {"url": "https://crm.example.com/tessera", "kinds": ["operation.created"], "paused": False},
    "api:put_answers": {"answers": {"name": "Anna"}},
    "api:start_enrolment": {"program": PROGRAM, "phone": "+79161230002", "language": "ru"},
    "api:events": {"event": "review", "key": "review-2041", "quantity": 1},
    "api:purchases": {"package": "ten", "receipt": "P-7"},
    "api:visits": {"count": 1},
    "api:freeze": {"days": 14},
    "api:extend": {"days": 14, "reason": "The pool was closed"},
    "api:claims": {"reward": REWARD},
    "api:use_voucher": {"voucher": VOUCHER},
    "api:favourite": {"sku": "4601"},
    "api:level": {"level": "silver", "reason": "A regular of the old shop", "until": "2027-12-31T21:00:00Z"},
    "api:merge": {"card": CARD},
    "api:adjustments": {"unit": "points", "amount": 50, "reason": "The queue was long"},
    "api:open_program": {"kind": "stamps", "slug": "coffee-card", "name": {"en": "Coffee card", "ru": "Кофейная карта"}},
    "api:set_rules": {"rules": _RULES, "starts_at": "2026-12-01T00:00:00Z"},
    "api:check_rules": {"rules": _RULES, "simulate": {"source": "average", "average": 74_000, "receipts": 3_000, "members_bp": 4_000},
                        "receipt": {"amount": 74_000}},
    "api:announce_closing": {"earns_until": "2027-03-01T00:00:00Z", "spends_until": "2027-06-01T00:00:00Z"},
    "api:set_rotation": {"seconds": 30, "static_redeems": False},
    "api:confirm_card": {"code": None},
    "api:create_reward": _COFFEE,
    "api:change_reward": {**_COFFEE, "cost": 120, "stock": 50, "stock_was": 50},
    "api:create_batch": {"key": "december", "name": "December flyers", "reward": "coffee", "count": 100, "starts_on": "2026-12-01",
                         "ends_on": "2026-12-31"},
    "api:create_segment": {"key": "regulars", "name": "Regulars", "filter": {"sales_from": 5, "sales_days": 90}},
    "api:set_product": {"sku": "4601", "name": "Coffee", "category": "drinks", "can_be_favourite": True},
}
