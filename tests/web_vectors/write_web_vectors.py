"""Write the test vectors and query files of the web page anew: python tests/web_vectors/write_web_vectors.py."""

from functools import cache

from preprocessing_vectors import write_preprocessing_vectors
from query_files import write_query_files
from vector_queries import heaviest_features, name_of, vectors

from web_vectors import VECTORS, open_packaged


def main() -> None:
    """Write all vectors, and remove those of other names."""
    VECTORS.mkdir(parents=True, exist_ok=True)
    written = set()
    opened = cache(open_packaged)
    for vector in vectors():
        vector.write(opened(vector.space))
        written.add(vector.path)
        if vector.name == name_of(heaviest_features):
            write_query_files(vector.adata)
    for path in set(VECTORS.glob("*.json.gz")) - written:
        path.unlink()
    write_preprocessing_vectors()


if __name__ == "__main__":
    main()
