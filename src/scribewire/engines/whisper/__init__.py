"""Whisper: many languages, by CTranslate2 in windows as short as the speech."""
