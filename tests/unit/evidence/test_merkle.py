from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.evidence.canonical import leaf_of
from ems_telemetry.evidence.merkle import EMPTY_ROOT, Tree, root, verify_audit, verify_consistency

pytestmark = pytest.mark.unit

# Inputs, roots and proofs of the reference tests of Certificate Transparency (certificate-transparency-go, merkle).
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
LEAVES = [leaf_of(data) for data in INPUTS]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
AUDIT_PROOFS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY_PROOFS = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]
leaves_of = st.lists(st.binary(max_size=3).map(leaf_of), min_size=1, max_size=19, unique=True)


@pytest.mark.parametrize("size", range(9))
def test_cr_48_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "proof"), AUDIT_PROOFS)
def test_cr_48_audit_proofs_are_those_of_certificate_transparency(index: int, size: int, proof: list[str]) -> None:
    found = Tree(LEAVES[:size]).audit_proof(index)
    assert [part.hex() for part in found] == proof
    assert verify_audit(LEAVES[index], index, size, found, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("first", "second", "proof"), CONSISTENCY_PROOFS)
def test_cr_48_consistency_proofs_are_those_of_certificate_transparency(first: int, second: int, proof: list[str]) -> None:
    found = Tree(LEAVES[:second]).consistency_proof(first)
    assert [part.hex() for part in found] == proof
    assert verify_consistency(first, bytes.fromhex(ROOTS[first]), second, bytes.fromhex(ROOTS[second]), found)


def test_example_of_rfc_6962_with_seven_leaves() -> None:
    """The nodes are named as in RFC 6962, 2.1.3."""

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"\x01" + left + right).digest()

    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = node(a, b), node(c, d), node(e, f)
    k, left = i, node(g, h)
    right = node(k, j)
    tree = Tree(LEAVES[:7])
    assert tree.root == node(left, right)
    assert tree.audit_proof(0) == (b, h, right)
    assert tree.audit_proof(3) == (c, g, right)
    assert tree.audit_proof(4) == (f, j, left)
    assert tree.audit_proof(6) == (i, left)
    assert tree.consistency_proof(3) == (c, d, g, right)
    assert tree.consistency_proof(4) == (right,)
    assert tree.consistency_proof(6) == (i, j, left)


def as_rfc_6962_defines_it(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + as_rfc_6962_defines_it(leaves[:split]) + as_rfc_6962_defines_it(leaves[split:])).digest()


@given(leaves_of)
def test_root_is_what_rfc_6962_defines(leaves: list[bytes]) -> None:
    assert root(leaves) == as_rfc_6962_defines_it(leaves)


@given(leaves_of)
def test_proof_of_every_leaf_holds_for_it_and_for_no_other(leaves: list[bytes]) -> None:
    tree = Tree(leaves)
    for index, leaf in enumerate(leaves):
        proof = tree.audit_proof(index)
        holds = [other for other in range(len(leaves)) if verify_audit(leaves[other], other, tree.size, proof, tree.root)]
        assert holds == [index]
        assert not any(verify_audit(leaf, other, tree.size, proof, tree.root) for other in range(len(leaves)) if other != index)


@given(leaves_of, st.data())
def test_one_changed_byte_fails(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree(leaves)
    index = data.draw(st.integers(0, tree.size - 1))
    parts = [leaves[index], *tree.audit_proof(index), tree.root]
    which = data.draw(st.integers(0, len(parts) - 1))
    at, other = data.draw(st.integers(0, 31)), data.draw(st.integers(1, 255))
    changed = bytearray(parts[which])
    changed[at] ^= other
    parts[which] = bytes(changed)
    assert not verify_audit(parts[0], index, tree.size, parts[1:-1], parts[-1])


@given(leaves_of)
def test_a_proof_that_is_longer_or_shorter_fails(leaves: list[bytes]) -> None:
    tree = Tree(leaves)
    proof = tree.audit_proof(0)
    assert not verify_audit(leaves[0], 0, tree.size, (*proof, EMPTY_ROOT), tree.root)
    assert not proof or not verify_audit(leaves[0], 0, tree.size, proof[:-1], tree.root)


@given(leaves_of)
def test_every_beginning_is_proved_and_no_other_tree(leaves: list[bytes]) -> None:
    tree = Tree(leaves)
    for first in range(1, tree.size + 1):
        proof = tree.consistency_proof(first)
        beginning = root(leaves[:first])
        other = root([EMPTY_ROOT, *leaves[1:first]])
        assert verify_consistency(first, beginning, tree.size, tree.root, proof)
        assert not verify_consistency(first, other, tree.size, tree.root, proof)
        assert not verify_consistency(first, beginning, tree.size, other, proof)
        assert not verify_consistency(first, beginning, tree.size, tree.root, (*proof, EMPTY_ROOT))


def test_what_is_not_there_is_not_proved() -> None:
    tree = Tree(LEAVES)
    for index in (-1, 8):
        with pytest.raises(IndexError):
            tree.audit_proof(index)
        assert not verify_audit(LEAVES[0], index, 8, (), tree.root)
    for first in (0, 9):
        with pytest.raises(IndexError):
            tree.consistency_proof(first)
        assert not verify_consistency(first, EMPTY_ROOT, 8, tree.root, ())
