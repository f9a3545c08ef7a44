"""Prints the types of the resources that SAM makes of a template, one a line."""

import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

with open(sys.argv[1], encoding="utf-8") as file:
    # `sam deploy` has uploaded the code by then.
    text = file.read().replace("target/lambda/", "s3://bucket/")
expanded = Translator({}, Parser()).translate(yaml_parse(text), {})
for resource in expanded["Resources"].values():
    print(resource["Type"])
