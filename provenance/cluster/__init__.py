"""cluster: the same stages under Apache Spark, for more code than one machine holds.

    fingerprints   a parsed file <-> the row that is kept of it; pure
    tables         what a folder of fingerprint tables looks like, opening one with suspicion
    gather         what a user names -> rows of files, read in the executors
    building       rows of files -> fingerprint tables
    slices         the rows that some look-ups need -> an index of only these
    joining        suspects and tables -> the findings that the local engine would have
    exchange       fingerprint tables <-> an index file
    session        starts Spark, turns its failures into messages

Only ``building``, ``joining``, ``exchange`` and ``session`` need PySpark, and import it when they
run. Parsing, sketching, proposing, comparing and judging are the functions of the local engine.
"""
