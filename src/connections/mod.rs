//! Connections: the Apple IDs and API keys that people have connected, for builds to use.
