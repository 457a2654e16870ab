"""Write the test vectors of the web page anew: python tests/web_vectors/write_web_vectors.py."""

from functools import cache

from vector_queries import vectors

from web_vectors import VECTORS, open_packaged


def main() -> None:
    """Write all vectors, and remove those of other names."""
    VECTORS.mkdir(parents=True, exist_ok=True)
    written = set()
    opened = cache(open_packaged)
    for vector in vectors():
        vector.write(opened(vector.space))
        written.add(vector.path)
    for path in set(VECTORS.glob("*.json.gz")) - written:
        path.unlink()


if __name__ == "__main__":
    main()
