"""What makes records evidence: canonical JSON, hash chain, Merkle tree, signatures, packs.

Pure, so that an auditor can verify a pack without a plant, a database or a network.
"""
