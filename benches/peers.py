"""What a user would pick instead: the keys that are new or changed between two inventory reports, found by DuckDB, Polars
or chDB. `cargo xtask bench` runs it, from the environment that requirements.txt describes:

    peers.py CONTENDER FIRST_MANIFEST SECOND_MANIFEST OUTPUT THREADS [HASHES]

Every contender reads the gzip CSV files as they are, takes only the columns it needs, and writes one encoded key per line to
OUTPUT. `duckdb-prepare` writes the hashes of the first report to the Parquet file HASHES, which `duckdb-persisted` reads
instead of the first report.
"""

import json
import os
import sys
from pathlib import Path

COLUMNS = [
    "Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded", "EncryptionStatus",
    "IntelligentTieringAccessTier",
]
IDENTITY = ["Key", "Size", "LastModifiedDate", "ETag"]


def data_files(manifest):
    described = json.loads(Path(manifest).read_text())
    assert described["fileSchema"].split(", ") == COLUMNS, described["fileSchema"]
    bucket = Path(manifest).parents[4]
    return [str(bucket / file["key"]) for file in described["files"]]


# DuckDB

def duckdb_connection(threads, folder):
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}; SET preserve_insertion_order = false; SET temp_directory = '{folder}'")
    return connection


def duckdb_report(manifest):
    columns = ", ".join(f"'{column}': 'VARCHAR'" for column in COLUMNS)
    return (
        f"read_csv({data_files(manifest)}, header = false, auto_detect = false, compression = 'gzip', delim = ',', "
        f"quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def duckdb_write(connection, query, output):
    connection.execute(f"COPY ({query}) TO '{output}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\t')")


def duckdb_exact(first, second, output, threads):
    same = " AND ".join(f"a.{column} = b.{column}" for column in IDENTITY)
    query = f"SELECT b.Key FROM {duckdb_report(second)} b ANTI JOIN {duckdb_report(first)} a ON {same}"
    duckdb_write(duckdb_connection(threads, Path(output).parent), query, output)


DUCKDB_HASH = f"hash({', '.join(IDENTITY)})"


def duckdb_hash(first, second, output, threads):
    hashes = f"(SELECT {DUCKDB_HASH} AS h FROM {duckdb_report(first)})"
    rows = f"(SELECT Key, {DUCKDB_HASH} AS h FROM {duckdb_report(second)})"
    query = f"SELECT b.Key FROM {rows} b ANTI JOIN {hashes} a ON a.h = b.h"
    duckdb_write(duckdb_connection(threads, Path(output).parent), query, output)


def duckdb_prepare(first, second, output, threads, hashes):
    query = f"SELECT {DUCKDB_HASH} AS h FROM {duckdb_report(first)}"
    duckdb_connection(threads, Path(output).parent).execute(f"COPY ({query}) TO '{hashes}' (FORMAT parquet)")
    Path(output).write_text("")


def duckdb_persisted(first, second, output, threads, hashes):
    rows = f"(SELECT Key, {DUCKDB_HASH} AS h FROM {duckdb_report(second)})"
    query = f"SELECT b.Key FROM {rows} b ANTI JOIN '{hashes}' a ON a.h = b.h"
    duckdb_write(duckdb_connection(threads, Path(output).parent), query, output)


# Polars

def polars_exact(first, second, output, threads):
    os.environ["POLARS_MAX_THREADS"] = threads
    import polars

    def report(manifest):
        schema = dict.fromkeys(COLUMNS, polars.String)
        return polars.scan_csv(data_files(manifest), has_header=False, schema=schema).select(IDENTITY)

    changed = report(second).join(report(first), on=IDENTITY, how="anti").select("Key").collect(engine="streaming")
    changed.write_csv(output, include_header=False, quote_style="never")


# chDB

def chdb_report(manifest):
    structure = ", ".join(f"{column} String" for column in COLUMNS)
    files = [Path(file) for file in data_files(manifest)]
    names = ",".join(file.name for file in files)
    return f"file('{files[0].parent}/{{{names}}}', 'CSV', '{structure}', 'gzip')"


def chdb_write(query, output, threads):
    import chdb

    limits = f"max_threads = {threads}, max_memory_usage = 0"
    chdb.query(f"{query} INTO OUTFILE '{output}' TRUNCATE FORMAT TSVRaw SETTINGS {limits}", "TSVRaw")


def chdb_exact(first, second, output, threads):
    row = f"({', '.join(IDENTITY)})"
    query = f"SELECT Key FROM {chdb_report(second)} WHERE {row} NOT IN (SELECT {row} FROM {chdb_report(first)})"
    chdb_write(query, output, threads)


def chdb_hash128(first, second, output, threads):
    row = f"sipHash128({', '.join(IDENTITY)})"
    query = f"SELECT Key FROM {chdb_report(second)} WHERE {row} NOT IN (SELECT {row} FROM {chdb_report(first)})"
    chdb_write(query, output, threads)


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
