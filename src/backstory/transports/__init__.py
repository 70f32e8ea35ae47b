"""How the outside talks to the contexts: HTTP edge, REST and MCP."""
