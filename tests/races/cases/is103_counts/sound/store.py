"""The counts and their lock."""

import threading

counts = {}
lock = threading.Lock()


def add(word):
    with lock:
        counts[word] = counts.get(word, 0) + 1
        return counts[word]
