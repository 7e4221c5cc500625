"""The counts."""

counts = {}


def add(word):
    counts[word] = counts.get(word, 0) + 1  # IS103 or IS110
    return counts[word]
