"""Whether links.py finds what it is there for: python3 -m unittest discover -s ci"""

import unittest

import links


def wrong(**pages):
    """What is wrong with these pages: `docs_a` is docs/a.md."""
    pages = {name.replace("_", "/") + ".md": text for name, text in pages.items()}
    return list(links.wrong_links(pages, {*pages, "src/main.rs", "docs/kinds/x.svg"}))


class Anchors(unittest.TestCase):
    def test_they_are_those_of_github(self):
        # As github.com renders these headings.
        for heading, anchor in [
            ("### AuthSLOBurn", "authsloburn"),
            ("## `[[alerting.alertmanager]]`", "alertingalertmanager"),
            ("### `GET /api/v1/probes/{name}/runs`", "get-apiv1probesnameruns"),
            ("### `POST /-/reload`", "post--reload"),
            ("## client_credentials, *refresh* & more", "client_credentials-refresh--more"),
            ("### ¹ What traffic cannot measure", "-what-traffic-cannot-measure"),
            ("## Überblick: [Größe](store.md#size) ##", "überblick-größe"),
        ]:
            self.assertEqual(links.anchors(heading), {anchor}, heading)

    def test_the_second_heading_of_the_same_words_has_a_number(self):
        self.assertEqual(links.anchors("# A\n## A\n### a\n"), {"a", "a-1", "a-2"})

    def test_code_and_comments_have_no_headings(self):
        text = "# A\n```sh\n# not one\n```\n<!--\n# nor this\n-->\n~~~~\n# nor\n~~~\n# this\n~~~~\n# B\n"
        self.assertEqual(links.anchors(text), {"a", "b"})


class Links(unittest.TestCase):
    def test_what_is_there_is_fine(self):
        found = wrong(
            README="[a](docs/a.md#one) [b](docs) [c](src/main.rs) ![d](docs/kinds/x.svg) [e](https://x.example/#y) [f](#here)\n# Here\n",
            docs_a="# One\n[`code`][r] <a href=\"../README.md\">back</a>\n\n[r]: kinds/x.svg\n",
        )
        self.assertEqual(found, [])

    def test_what_is_not_is_named_with_its_line(self):
        found = wrong(
            README="\n[a](docs/b.md)\n",
            docs_a="# One\n[x](../README.md#two)\n[y](#three)\n[z][nowhere]\n[w](../../etc/passwd)\n",
        )
        self.assertEqual(
            found,
            [
                "README.md:2: docs/b.md is not there",
                "docs/a.md:2: ../README.md#two: no heading of README.md has this anchor",
                "docs/a.md:3: #three: no heading of docs/a.md has this anchor",
                "docs/a.md:5: ../../etc/passwd is not there",
                "docs/a.md:4: [z][nowhere] is defined nowhere",
            ],
        )

    def test_code_has_no_links(self):
        self.assertEqual(wrong(README="`[a](b.md)` and\n```\n[a](b.md)\n```\n`` ` [a](b.md) ``\n"), [])
        # A stray mark hides nothing beyond its paragraph.
        self.assertEqual(len(wrong(README="a ` stray\n\n[a](b.md) and `code`\n")), 1)


class Summary(unittest.TestCase):
    def test_it_names_every_page_once_and_nothing_else(self):
        pages = {"docs/SUMMARY.md": "- [A](a.md)\n- [B](b.md)\n- [B again](b.md)\n- [Out](../README.md)\n"}
        pages |= {"docs/a.md": "", "docs/b.md": "", "docs/kinds/c.md": "", "README.md": ""}
        self.assertEqual(
            list(links.wrong_summary(pages)),
            [
                "docs/SUMMARY.md:4: ../README.md is no page of docs/",
                "docs/b.md is in docs/SUMMARY.md 2 times",
                "docs/kinds/c.md is not in docs/SUMMARY.md",
            ],
        )
        self.assertEqual(list(links.wrong_summary({})), ["docs/SUMMARY.md is not there"])


if __name__ == "__main__":
    unittest.main()
