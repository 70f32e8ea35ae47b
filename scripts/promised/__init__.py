"""What a release has promised, kept beside the code, and whether today's code keeps it.

`contracts/VERSION/` holds what the release of that version showed to those who call it:
its OpenAPI document, its MCP lists, and the names of its settings, metrics, errors and commands.
"""
