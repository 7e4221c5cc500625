"""The command line: parses, calls, prints. Everything it does can be called from other rooms."""

try:
    import click

    from .copy import copy_command
    from .demo import demo_command
    from .dump import dump_command
    from .load import load_command
    from .prove import prove_command
    from .serve import serve_command
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in ("click", "rich"):
        raise
    raise SystemExit(f"instep needs {missing.name}: pip install 'instep[cli]'") from None

__all__ = ["main", "prove_command"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="instep")
def main() -> None:
    """Keep every worker in step."""


for command in (
    prove_command,
    demo_command,
    copy_command,
    dump_command,
    load_command,
    serve_command,
):
    main.add_command(command)
