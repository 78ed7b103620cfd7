"""The promises of `scribewire.engines.protocols`, one module for each kind of engine."""
