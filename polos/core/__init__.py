"""The pure heart: definitions, journal, replay and decisions. Time and chance are arguments here."""
