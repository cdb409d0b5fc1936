"""Holds files against a schema: JSON against a JSON Schema (draft 2020-12), XML against an XSD 1.0. One line a mistake."""

import json
import sys

import jsonschema
import xmlschema


def mistakes_of_json(schema, files):
    with open(schema, encoding="utf-8") as text:
        document = json.load(text)
    jsonschema.Draft202012Validator.check_schema(document)
    validator = jsonschema.Draft202012Validator(document)
    for file in files:
        with open(file, encoding="utf-8") as text:
            for error in validator.iter_errors(json.load(text)):
                yield f"{file}: {error.json_path}: {error.message[:300]}"


def mistakes_of_xml(schema, files):
    validator = xmlschema.XMLSchema(schema)
    for file in files:
        for error in validator.iter_errors(file):
            yield f"{file}: {error.path}: {error.reason}"


schema, *files = sys.argv[1:]
check = mistakes_of_json if schema.endswith(".json") else mistakes_of_xml
for mistake in check(schema, files):
    print(mistake)
print(f"{len(files)} files held against {schema}")
