"""The audit as JUnit XML, in the dialect of Jenkins' xUnit plugin (its ``junit-10.xsd``), which
GitLab, Azure and GitHub's test reporters read too.

Pure. One test case for each ruling: one that fails the audit has a ``failure``, one that the
baseline knows is ``skipped``, all others pass. A second suite says whether the run itself was
complete: an ``error`` for all that could not be done, ``skipped`` for files that were not read, or
only around broken syntax.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from provenance.model import Audit, Ruling
from provenance.report.evidence import evidence, files_of, identity_of, place, subject
from provenance.report.rules import PREFIX, broken_files, undated
from provenance.report.text import limited, safe
from provenance.version import VERSION


def junit(audit: Audit) -> str:
    """The audit as JUnit XML. The case of a ruling is named after its unit, place and identity,
    its class is the path."""
    failing = {id(one) for one in audit.failures}
    files = files_of(audit)
    root = Element("testsuites", {"name": "provenance"})
    suite = _suite(root, "findings")
    properties = SubElement(suite, "properties")
    for name, value in (
        ("version", VERSION),
        ("source", audit.report.source),
        ("policy", audit.policy_file or "none"),
        ("fixed", str(len(audit.fixed))),
        *(("index", f"{one.name} {one.checksum}") for one in audit.report.indexes),
    ):
        SubElement(properties, "property", {"name": name, "value": safe(value)})
    for ruling in audit.rulings:
        lines = [
            *(f"{label}: {value}" for label, value in evidence(ruling, identity_of(ruling, files))),
            *([f"to do: {safe(ruling.remedy)}"] if ruling.remedy else []),
        ]
        name = f"{subject(ruling, files)}, {place(ruling)} [{safe(ruling.id)}]"
        _case(suite, name, ruling, id(ruling) in failing, "\n".join(lines))
    run = _suite(root, "run")
    whole = SubElement(run, "testcase", {"classname": "provenance", "name": "the audit completed"})
    for words in audit.incomplete:
        made = SubElement(whole, "error", {"type": "incomplete", "message": safe(words)})
        made.text = safe(words)
    for skipped in audit.report.skipped:
        where = {"classname": safe(skipped.path), "name": "the file was read"}
        case = SubElement(run, "testcase", where)
        SubElement(case, "skipped", {"message": safe(skipped.reason)})
    if words := undated(audit):
        case = SubElement(run, "testcase", {"classname": "provenance", "name": "git had its days"})
        SubElement(case, "skipped", {"message": safe(words)})
    if words := limited(audit.report):
        where = {"classname": "provenance", "name": "all references were looked at"}
        SubElement(SubElement(run, "testcase", where), "skipped", {"message": words})
    for path, words in broken_files(audit.report):
        where = {"classname": safe(path), "name": "all of the file was looked at"}
        case = SubElement(run, "testcase", where)
        SubElement(case, "skipped", {"message": words})
    for one in (suite, run):
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            one.set(name, str(sum(case.find(tag) is not None for case in one.iter("testcase"))))
        one.set("tests", str(sum(1 for _ in one.iter("testcase"))))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(one.get(name, "0")) for one in (suite, run))))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, name: str) -> Element:
    return SubElement(root, "testsuite", {"name": f"provenance {name}"})


def _case(suite: Element, name: str, ruling: Ruling, fails: bool, text: str) -> None:
    case = SubElement(suite, "testcase", {"classname": safe(ruling.path), "name": name})
    said = {"type": PREFIX + ruling.rule, "message": safe(ruling.message)}
    if fails:
        SubElement(case, "failure", said).text = text
        return
    if ruling.status == "known":
        why = f": {safe(ruling.reason)}" if ruling.reason else ""
        SubElement(case, "skipped", {**said, "message": f"known to the baseline{why}"})
    SubElement(case, "system-out").text = f"{safe(ruling.message)}\n{text}"
