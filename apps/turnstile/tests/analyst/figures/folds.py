# Answers the questions of `folds.sql` from an export: one JSON object a row, with its table's name.
# Arguments: the folder, the file of questions, and the bounds of the range, if there are any.
import duckdb, glob, json, os, sys

folder, questions, *bounds = sys.argv[1:]
db = duckdb.connect()
db.sql("SET TimeZone = 'UTC'")
for table in os.listdir(folder):
    if glob.glob(f"{folder}/{table}/*.parquet"):
        db.sql(f"CREATE TABLE {table} AS FROM '{folder}/{table}/*.parquet'")
began, ended = bounds or ["0001-01-01", "9999-01-01"]
db.sql(
    f"CREATE TABLE bounds AS SELECT TIMESTAMPTZ '{began}' AS began, "
    f"TIMESTAMPTZ '{ended}' AS ended, {bool(bounds)} AS ranged"
)
setting, *queries = open(questions).read().split("-- table ")
db.execute(setting)
for query in queries:
    name, query = query.split("\n", 1)
    answer = db.sql(query)
    for row in answer.fetchall():
        cells = [v if v is None or isinstance(v, str) else int(v) for v in row]
        print(json.dumps({"table": name} | dict(zip(answer.columns, cells))))
