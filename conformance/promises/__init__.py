"""The promises of docs/protocol.md as checks; a module for each of its subjects."""
