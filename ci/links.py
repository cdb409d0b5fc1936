#!/usr/bin/env python3
"""Holds the Markdown of this repository together, offline: every relative link leads to a file that git knows and, with an
anchor, to a heading of it; every page of docs/ is in docs/SUMMARY.md, once, and docs/SUMMARY.md names nothing else."""

import re
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
SUMMARY = "docs/SUMMARY.md"

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
HEADING = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
COMMENT = re.compile(r"<!--.*?-->", re.S)
# Code in a line: it may go on in the next one, never beyond a paragraph.
CODE = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n).)+?)(?<!`)\1(?!`)", re.S)
# [text](target "title"), with one level of brackets in the text and of parentheses in the target.
INLINE = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*(<[^<>\n]*>|[^\s()<>]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[([^\[\]]+)\]:\s*(<[^<>\n]*>|\S+)", re.M)
REFERENCE = re.compile(r"(?<![\]\\!])\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\[([^\[\]]*)\]")
HTML = re.compile(r"<[a-z][^<>]*?\s(?:href|src)=[\"']([^\"']+)[\"']", re.I)
NAMED = re.compile(r"<[a-z][^<>]*?\s(?:id|name)=[\"']([^\"']+)[\"']", re.I)
# What Ruby calls a word character: letters, marks, digits, `_` and its like. `¹` is none.
WORD = {"Ll", "Lu", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "Pc"}
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.I)


def blanked(text):
    """As many lines, and nothing on them."""
    return "\n" * text.count("\n")


def prose(text):
    """Without fenced code and comments; line numbers stay."""
    text = COMMENT.sub(lambda found: blanked(found[0]), text)
    kept, fence = [], None
    for line in text.split("\n"):
        found = FENCE.match(line)
        if fence is None:
            # The info string of a backtick fence has no backtick: that would be code in a line.
            if found and not (found[1][0] == "`" and "`" in found[2]):
                fence, line = found[1], ""
            kept.append(line)
        else:
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = None
            kept.append("")
    return "\n".join(kept)


def shown(heading):
    """What a reader sees of a heading: no emphasis, no links, no code marks."""
    heading = re.sub(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", heading)
    heading = re.sub(r"<[^<>]+>", "", heading)
    heading = re.sub(r"(?<!\w)(\*{1,3}|_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", heading)
    return heading.replace("`", "")


def slug(heading):
    """The anchor that GitHub makes of a heading: small letters, digits, `_` and `-`; a blank becomes `-`."""
    kept = []
    for letter in shown(heading).strip().lower():
        if letter == " ":
            kept.append("-")
        elif letter == "-" or unicodedata.category(letter) in WORD:
            kept.append(letter)
    return "".join(kept)


def anchors(text):
    """All anchors of a page. The second heading of the same words has `-1`, the third `-2`."""
    text = prose(text)
    found, seen = set(NAMED.findall(CODE.sub("", text))), Counter()
    for line in text.split("\n"):
        heading = HEADING.match(line)
        if heading:
            name = slug(heading[2] or "")
            times = seen[name]
            seen[name] += 1
            found.add(f"{name}-{times}" if times else name)
    return found


def links(text):
    """Line and target of each link, and `None` as the target of a reference that nothing defines."""
    text = CODE.sub(lambda found: "`" + blanked(found[0]) + "`", prose(text))
    at = lambda found: text.count("\n", 0, found.start()) + 1
    for pattern in (INLINE, HTML):
        for found in pattern.finditer(text):
            yield at(found), found[1].strip("<>"), found[0]
    defined = set()
    for found in DEFINITION.finditer(text):
        defined.add(" ".join(found[1].lower().split()))
        yield at(found), found[2].strip("<>"), found[0]
    for found in REFERENCE.finditer(text):
        if " ".join((found[2] or found[1]).lower().split()) not in defined:
            yield at(found), None, found[0]


def resolved(page, path):
    """The file that a link of a page names; `None` outside of the repository."""
    parts = [] if path.startswith("/") else list(PurePosixPath(page).parent.parts)
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def wrong_links(pages, files):
    """Every link that leads nowhere. `pages`: text by path; `files`: all paths that there are."""
    folders = {str(parent) for file in files for parent in PurePosixPath(file).parents}
    known = {page: anchors(text) for page, text in pages.items()}
    for page, text in sorted(pages.items()):
        for line, target, written in links(text):
            place = f"{page}:{line}"
            if target is None:
                yield f"{place}: {written} is defined nowhere"
                continue
            if ELSEWHERE.match(target):
                continue
            path, _, anchor = unquote(target).partition("#")
            file = resolved(page, path) if path else page
            if file is None or (file not in files and (file or ".") not in folders):
                yield f"{place}: {target} is not there"
            elif anchor and file in known and anchor not in known[file]:
                yield f"{place}: {target}: no heading of {file} has this anchor"


def wrong_summary(pages):
    """What the table of contents lacks, names twice, or should not name."""
    if SUMMARY not in pages:
        yield f"{SUMMARY} is not there"
        return
    named = Counter()
    for line, target, _ in links(pages[SUMMARY]):
        path, _, anchor = unquote(target or "").partition("#")
        file = resolved(SUMMARY, path)
        if anchor or file is None or not file.startswith("docs/") or file not in pages:
            yield f"{SUMMARY}:{line}: {target} is no page of docs/"
        named[file] += 1
    for page in sorted(pages):
        if page.startswith("docs/") and page != SUMMARY and named[page] != 1:
            yield f"{page} is in {SUMMARY} {named[page]} times" if named[page] else f"{page} is not in {SUMMARY}"


def tracked():
    """All files of the work tree but ignored ones, as git sees them."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return {file for file in listed.split("\0") if file and (ROOT / file).exists()}


def main():
    files = tracked()
    pages = {file: (ROOT / file).read_text(encoding="utf-8") for file in files if file.endswith(".md")}
    wrong = [*wrong_links(pages, files), *wrong_summary(pages)]
    checked = sum(1 for text in pages.values() for _ in links(text))
    print("\n".join(wrong) or f"{checked} links of {len(pages)} pages lead somewhere")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
