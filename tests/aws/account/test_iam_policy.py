import ast
import json
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from infra.aws.account.iam_policy import ASKED_BY_AWS, FREE, action_of, actions, policy, setup_policy
from infra.names import OWNER_TAG
from tests.aws.pretend_account import MADE

PROJECT = Path(__file__).parents[3]
HERE = {path.name for path in Path(__file__).parents[1].rglob("test_*.py")}
# Read-only questions, and what AWS knows by the names we gave: no tag of ours can stand in a condition on these.
UNTAGGED = {
    "Look",
    "FindImages",
    "LaunchFrom",
    "CreateIn",
    "Mark",
    "Pull",
    "Safeguard2",
    "Safeguard3",
    "Safeguard3Role",
    "Lend",
    "Safeguard3Use",
    "AwsOwnRoles",
}


def sources():
    """The product's code. The rehearsal is no caller of AWS, it is the one called."""
    return [p for p in (PROJECT / "infra").rglob("*.py") if "rehearsal" not in p.parts]


def calls_in_the_code():
    """Every AWS operation whose SDK name stands in the code of a module that makes a client for that service."""
    aws = botocore.session.get_session()
    calls = set()
    for path in sources():
        nodes = list(ast.walk(ast.parse(path.read_text())))
        services = {literal for node in nodes if (literal := text_of(node))} & set(aws.get_available_services())
        words = {text_of(node) for node in nodes} | {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        for service in services:
            names = aws.get_service_model(service).operation_names
            calls |= {f"{service}:{name}" for name in names if xform_name(name) in words}
    return calls


def text_of(node):
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@pytest.fixture(scope="module")
def called():
    return {action_of(call) for call in calls_in_the_code()}


def test_the_policies_allow_the_calls_in_the_code_and_no_other(called):
    allowed = actions(policy()) | actions(setup_policy())
    of_aws = {action for action, caller in ASKED_BY_AWS.items() if caller in called}

    assert {"missing": called - FREE - allowed, "unused": allowed - called - of_aws} == {
        "missing": set(),
        "unused": set(),
    }


@pytest.mark.looks_back
def test_the_tests_have_made_every_call_in_the_code(request, called):
    """So the policies allow exactly what was made: nothing in them rests on a call that never ran."""
    ran = {item.path.name for item in request.session.items}
    if HERE - ran:
        pytest.skip("looks back on all tests of this folder")

    assert called - {action_of(call) for call in MADE} == set()


@pytest.mark.parametrize("document", [policy(), setup_policy()], ids=["policy", "setup"])
def test_iam_takes_the_policies(aws, document):
    """moto checks the grammar as IAM does."""
    aws.client("iam").create_policy(PolicyName="rig", PolicyDocument=json.dumps(document))


def test_only_the_set_up_may_make_a_role():
    makes = {a for a in actions(policy()) if a.startswith("iam:")}

    assert makes == {"iam:GetRole", "iam:PassRole", "iam:CreateServiceLinkedRole"}
    assert all(a.startswith("iam:") for a in actions(setup_policy()))


def test_everything_that_costs_or_destroys_is_tied_to_our_tag():
    for statement in policy()["Statement"]:
        tied = OWNER_TAG in json.dumps(statement.get("Condition", {}))

        assert tied != (statement["Sid"] in UNTAGGED), statement["Sid"]


def test_no_statement_reaches_everything_but_the_looking():
    wide = {s["Sid"]: s["Action"] for s in policy()["Statement"] if s["Resource"] == "*"}

    assert set(wide) == {"Look"}
    assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in wide["Look"])
    assert not any("*" in action for action in actions(policy()))


@pytest.mark.parametrize("document", [policy(), setup_policy()], ids=["policy", "setup"])
def test_a_policy_fits_what_iam_takes(document):
    """A managed policy holds 6,144 characters: docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    sids = [statement["Sid"] for statement in document["Statement"]]

    assert len(json.dumps(document, separators=(",", ":"))) <= 6144
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


def test_the_manual_shows_the_policies_as_they_are():
    text = (PROJECT / "docs" / "iam.md").read_text()

    for document in (policy(), setup_policy()):
        assert json.dumps(document, indent=2) in text
    assert [s["Sid"] for s in policy()["Statement"] if f"`{s['Sid']}`" not in text] == []
