"""Merkle trees (RFC 6962, 2.1; RFC 9162, 2.1): one root for many leaves, and short proofs that a leaf is among them.

Leaves are hashes already (`canonical.leaf`); inner nodes are SHA-256(0x01 || left || right). A proof tells nothing of the
other leaves but hashes.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, TypeAlias

Proof: TypeAlias = tuple[bytes, ...]
"""Hashes of 32 bytes, in the order in which RFC 6962 lists them: from the leaf up."""

NODE_PREFIX: Final = b"\x01"
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of no leaves."""


class Tree:
    """A tree over leaves that are given whole; holds all nodes, about twice as many as leaves.

    Level by level, each pair becomes a node and one left over moves up as it is: the same tree as the split at the largest
    power of two, since left of the split everything is paired.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """Builds the tree.

        Args:
            leaves: hashes of 32 bytes.
        """
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_paired(self._levels[-1]))

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return self._levels[-1][0] if self.size else EMPTY_ROOT

    def audit_proof(self, index: int) -> Proof:
        """Proves that a leaf is in the tree (PATH of RFC 6962, 2.1.1).

        Raises:
            IndexError: there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"there is no leaf {index} among {self.size}")
        beside = ((level, (index >> height) ^ 1) for height, level in enumerate(self._levels))
        return tuple(level[place] for level, place in beside if place < len(level))

    def consistency_proof(self, first: int) -> Proof:
        """Proves that the tree of the first leaves is the beginning of this one (PROOF of RFC 6962, 2.1.2).

        Args:
            first: how many leaves the smaller tree has.

        Raises:
            IndexError: it has none, or more than this one.
        """
        if not 0 < first <= self.size:
            raise IndexError(f"a tree of {first} leaves is no beginning of one of {self.size}")
        low, high, kept = 0, self.size, True
        found: list[bytes] = []
        while first < high:
            split = low + _split(high - low)
            if first <= split:
                found.append(self._node(split, high))
                high = split
            else:
                found.append(self._node(low, split))
                low, kept = split, False
        if not kept:
            found.append(self._node(low, high))
        return tuple(reversed(found))

    def _node(self, low: int, high: int) -> bytes:
        """Finds the node over leaves `low` to `high`, which is one of this tree."""
        height = (high - low - 1).bit_length()
        return self._levels[height][low >> height]


def root(leaves: Sequence[bytes]) -> bytes:
    """Gives the root of a tree over leaves, 32 bytes."""
    return Tree(leaves).root


def verify_audit(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Tells whether a leaf is the one at `index` in the tree of `size` leaves with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = _node_hash(part, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = _node_hash(found, part)
        place, last = place >> 1, last >> 1
    return last == 0 and found == expected_root


def verify_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Tells whether the tree of `first` leaves is the beginning of that of `second` leaves (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = _node_hash(part, old), _node_hash(part, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = _node_hash(new, part)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(NODE_PREFIX + left + right).digest()


def _paired(level: Sequence[bytes]) -> list[bytes]:
    pairs = [_node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def _split(size: int) -> int:
    """Gives the largest power of two below `size`, which is at least two."""
    return 1 << ((size - 1).bit_length() - 1)
