"""
Tokens: who may ask. A token is printed once, when it is made.
"""

from __future__ import annotations

import click

from incidents.cli import show
from incidents.cli.options import as_json, choice, json_option, remark, say
from incidents.cli.transport import connect
from incidents.roles import Role


@click.group()
def token() -> None:
    """
    Make, list and revoke tokens.

    \b
    Example:
      andon token list
    """


@token.command()
@click.option("--name", required=True, help="What the token is for; an enforcer's name is its enforcement point.")
@click.option("--role", required=True, type=choice(Role), help="What it may do.")
@click.option("--person", help="Whose token it is (an id of the catalog's people).")
@click.option("--partner", help="For role partner: which one.")
@json_option
def create(name: str, role: str, person: str | None, partner: str | None) -> None:
    """
    Make a token; it is printed once and never again. Only the token goes to stdout.

    \b
    Example:
      andon token create --name ada-laptop --role commander --person ada
    """
    wanted = {"name": name, "role": role, "person": person, "partner": partner}
    with connect() as andon:
        # Not repeatable: the repeated answer comes without the token, which would then be lost unnoticed.
        made = andon.post(
            "tokens", body={key: value for key, value in wanted.items() if value is not None}, repeatable=False
        )
    say(made, lambda answer: [str(answer["secret"])])
    if not as_json():
        whose = f" of {made['person']}" if made.get("person") else ""
        remark(f"token {made['id']} '{made['name']}', {made['role']}{whose}; it is shown this once, keep it safe")


@token.command("list")
@json_option
def list_() -> None:
    """
    Every token, without its secret.

    \b
    Example:
      andon token list
    """
    with connect() as andon:
        say({"items": list(andon.items("tokens")), "next": None}, show.tokens)


@token.command()
@click.argument("id")
@json_option
def revoke(id: str) -> None:
    """
    Refuse a token from now on.

    \b
    Example:
      andon token revoke 5f0c2a91d3b7
    """
    with connect() as andon:
        say(andon.post("tokens", id, "revocation"), lambda answer: [f"token {answer['id']} is revoked"])


COMMANDS: list[click.Command] = [token]
