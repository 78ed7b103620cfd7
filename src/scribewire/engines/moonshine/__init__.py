"""The Moonshine models: an encoder over raw samples, a decoder that writes their text."""
