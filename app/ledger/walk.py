"""Walks the chain from end to end: every hash, every sum, and what the entries make of lots and accounts.

The rows of a link never change, so ranges of links are walked independently, by several processes where the ledger is large;
each takes the stored hash of the link before its range as given.
"""
import operator
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.db import Transaction
from app.ledger import chain, day_seals_store, proofs, verify_store

LIMIT = 1_000                  # findings; a ledger with more is beyond reading them


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree, in a sentence for an operator. is_fault: False where it is only to be known."""

    kind: str
    business_id: int | None
    sentence: str
    is_fault: bool = True


@dataclass(frozen=True, slots=True)
class Range:
    """The links of a business with after < seq <= upto."""

    business_id: int
    after: int
    upto: int


class Sums:
    """Amounts by a row's id, 8 bytes a row; what lies outside of the rows there were (somebody wrote into the file) beside it."""

    __slots__ = ("_rows", "inside", "outside")

    def __init__(self, newest: int) -> None:
        self.inside = array("q", bytes(8 * (newest + 1)))
        self.outside: dict[int, int] = defaultdict(int)
        self._rows = newest + 1

    def add(self, row_id: int, amount: int) -> None:
        if 0 <= row_id < self._rows:
            self.inside[row_id] += amount
        else:
            self.outside[row_id] += amount

    def of(self, row_id: int) -> int:
        return self.inside[row_id] if 0 <= row_id < len(self.inside) else self.outside.get(row_id, 0)

    def join(self, other: "Sums") -> None:
        """Add those of a walk over other links of the same ledger."""
        self.inside = array("q", map(operator.add, self.inside, other.inside))
        for row_id, amount in other.outside.items():
            self.add(row_id, amount)

    def differing(self, rows: Sequence[Any]) -> list[Any]:
        """Those of `rows`, (id, amount, …) by id, that say something else. A page without gaps is compared as a whole."""
        first, last = rows[0][0], rows[-1][0]
        if last - first + 1 == len(rows) and [row[1] for row in rows] == self.inside[max(first, 0):last + 1].tolist():
            return []
        return [row for row in rows if self.of(row[0]) != row[1]]

    def ids(self) -> Iterator[int]:
        """Those with an amount."""
        yield from (row_id for row_id, amount in enumerate(self.inside) if amount)
        yield from (row_id for row_id, amount in self.outside.items() if amount)


class Walk:
    """What was found on the way: findings, what is left of each lot and account by their entries, and how many rows there were."""

    def __init__(self, newest_lot: int, newest_account: int) -> None:
        self.findings: list[Finding] = []
        self.lots = Sums(newest_lot)
        self.accounts: dict[str, Sums] = {}            # by unit
        self.operations = self.entries = self.made = self.texts = 0
        self._newest_account = newest_account

    def _account(self, unit: str) -> Sums:
        return self.accounts.setdefault(unit, Sums(self._newest_account))

    def join(self, other: "Walk") -> None:
        """Add what another process found."""
        self.findings += other.findings
        self.lots.join(other.lots)
        for unit, sums in other.accounts.items():
            self._account(unit).join(sums)
        self.operations += other.operations
        self.entries += other.entries
        self.made += other.made
        self.texts += other.texts

    async def links(self, tx: Transaction, part: Range) -> None:
        """Walk a range, page by page."""
        seq, before = part.after, chain.FIRST
        if part.after:
            before = await verify_store.hash_of(tx, part.business_id, part.after)
        for after in range(part.after, part.upto, verify_store.PAGE):
            if len(self.findings) > LIMIT:
                return
            upto = min(after + verify_store.PAGE, part.upto)
            links = await verify_store.links(tx, part.business_id, after, upto)
            seq, before = self._page(part.business_id, seq, before, links, await verify_store.moves(tx, part.business_id, after, upto))
        if seq < part.upto:
            self._found("chain", part.business_id, f"Links {seq + 1} to {part.upto} of the chain are missing.")

    async def days(self, tx: Transaction, seals: Sequence[Any]) -> None:
        """Each seal of a day (`day_seals_store.every`) against the links that it covers."""
        for business_id, day, first, last, head, root in seals:
            hashes = await day_seals_store.hashes(tx, business_id, first, last)
            if len(hashes) != last - first + 1 or hashes[-1] != bytes(head) or proofs.root(hashes) != bytes(root):
                self._found("day", business_id, f"The seal of {day} does not fit the links {first} to {last} that it covers.")

    def _page(self, business_id: int, seq: int, before: bytes, links: Sequence[Any], moves: Sequence[Any]) -> tuple[int, bytes]:
        """The number and hash of the last link that was seen."""
        at, end = 0, len(moves)
        for link in links:
            number, stored = link[0], link[1]
            first = at
            while at < end and moves[at][0] == number:
                at += 1
            self._link(business_id, seq, before, link, moves[first:at])
            # From here on the stored hash is taken: one changed byte is one finding, not one for every later link.
            seq, before = number, bytes(stored)
        return seq, before

    def _link(self, business_id: int, seq: int, before: bytes, link: Any, moves: Sequence[Any]) -> None:
        """Judge one link; columns as `verify_store.links` and `moves` say."""
        number, stored, text_hash, salt, content, texts, operation_id = link[:7]
        if number != seq + 1:
            self._found("chain", business_id, f"Links {seq + 1} to {number - 1} of the chain are missing, before operation {operation_id}.")
        if link[7] is None:
            self._found("missing", business_id, f"Operation {operation_id} is missing, though the chain holds its hash.")
            return
        self.operations += 1
        made = self._sums(business_id, operation_id, moves)
        lots = [chain.lot_row(*made[lot][8:15]) for lot in (sorted(made) if len(made) > 1 else made)]
        if number == seq + 1 and chain.seal(before, number, link[7:], text_hash, [move[1:7] for move in moves], lots) != stored:
            self._found("chain", business_id, f"Operation {operation_id}, one of its entries or lots, or its hash was changed.")
        if texts is not None:
            self.texts += 1
            # An erasure empties salt and texts and leaves their row.
            if salt is not None and chain.text_hash(salt, content) != text_hash:
                self._found("texts", business_id, f"The texts of operation {operation_id} were changed.")
        elif text_hash is not None:
            self._found("missing", business_id, f"The row of the texts of operation {operation_id} is missing.")

    def add(self, business_id: int, operation_id: int, moves: Sequence[Any]) -> None:
        """Count the entries of an operation that the chain does not hold."""
        self._sums(business_id, operation_id, moves)

    def _sums(self, business_id: int, operation_id: int, moves: Sequence[Any]) -> dict[int, Any]:
        """Entries sum to zero per unit; each lot and each account gets its own. Gives a row for each lot that the operation made.

        Five million times in a large ledger: what is asked of every entry is asked once.
        """
        totals: dict[str, int] = {}
        made = {}
        for move in moves:
            _, _, account_id, _, unit, amount, lot_id, made_by, _, lot_unit, _, _, _, _, _, owner = move
            totals[unit] = totals.get(unit, 0) + amount
            if account_id is not None:
                (self.accounts.get(unit) or self._account(unit)).add(account_id, amount)
                if lot_id is not None:
                    self.lots.add(lot_id, amount)
                    if made_by == operation_id:
                        made[lot_id] = move
                    if owner != account_id or lot_unit != unit:
                        self._found("lot", business_id,
                                    f"Entries of account {account_id} move lot {lot_id}, which is not one of its lots.")
        for unit, total in totals.items():
            if total:
                self._found("sum", business_id, f"The entries of operation {operation_id} sum to {total} {unit}, not to zero.")
        self.entries += len(moves)
        self.made += len(made)
        return made

    def _found(self, kind: str, business_id: int, sentence: str) -> None:
        self.findings.append(Finding(kind, business_id, sentence))


def gaps(seals: Sequence[Any]) -> Iterator[Finding]:
    """Links between two seals of a business that no day covers."""
    after: dict[int, int] = {}
    for business_id, day, first, last, *_ in seals:
        if first != after.get(business_id, 0) + 1:
            yield Finding("day", business_id, f"The seal of {day} begins with link {first}, not with {after.get(business_id, 0) + 1}.")
        after[business_id] = last


def shares(ranges: Iterable[Range], workers: int) -> list[list[Range]]:
    """The same links in `workers` parts of equal length, cut where they must be."""
    rest = list(ranges)
    each = -(-sum(part.upto - part.after for part in rest) // workers) or 1
    parts: list[list[Range]] = [[]]
    room = each
    for part in rest:
        after = part.after
        while after < part.upto:
            upto = min(part.upto, after + room)
            parts[-1].append(Range(part.business_id, after, upto))
            room -= upto - after
            after = upto
            if not room and len(parts) < workers:
                parts.append([])
                room = each
            elif not room:
                room = each
    return parts
