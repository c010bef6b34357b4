"""The same questions in the terminal. FSRS, the scheduler that Anki uses too, says which card is due when.

https://github.com/open-spaced-repetition/py-fsrs
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fsrs import Card, Rating, Scheduler

from training.errors import BadInput
from training.lessons.flashcards import Flashcard, flashcards
from training.lessons.progress import write_whole

FILE = ".quiz.json"
NEW_AT_ONCE = 10
KNEW, DID_NOT, STOP = "y", "n", "q"


@dataclass
class Memory:
    """Card id -> what the scheduler knows of it. A card that was never asked is not in it."""

    path: Path
    cards: dict[str, Card]

    def save(self) -> None:
        write_whole(self.path, json.dumps({key: json.loads(card.to_json()) for key, card in self.cards.items()}) + "\n")


def read(folder: Path) -> Memory:
    """Raises BadInput for a file that is not ours any more."""
    path = folder / FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Memory(path, {key: Card.from_json(json.dumps(card)) for key, card in said.items()})
    except FileNotFoundError:
        return Memory(path, {})
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise BadInput(
            f"{path} cannot be read: {str(error)[:100]}", "move it away: the quiz then begins anew"
        ) from error


def due(memory: Memory, lessons: set[int], now: datetime) -> list[Flashcard]:
    """What was asked before and is due, the longest overdue first; then a few new ones of *lessons*."""
    every = [card for card in flashcards() if card.id in memory.cards or card.lesson.number in lessons]
    old = [card for card in every if card.id in memory.cards and memory.cards[card.id].due <= now]
    new = [card for card in every if card.id not in memory.cards]
    return [*sorted(old, key=lambda card: memory.cards[card.id].due), *new[:NEW_AT_ONCE]]


def quiz(memory: Memory, cards: list[Flashcard], ask: Callable[[str], str], say: Callable[[str], None]) -> int:
    """Ask *cards*; what was not known comes once more at the end. Each answer is kept at once. How many were known."""
    scheduler, known, waiting = Scheduler(enable_fuzzing=False), 0, list(cards)
    again: set[str] = set()
    while waiting:
        card = waiting.pop(0)
        say(f"\n[{card.lesson.number}] {card.ask}")
        if ask("    (think, then Enter) ").strip().lower() == STOP:
            break
        say(f"    {card.answer}")
        answer = _knew(ask)
        if answer == STOP:
            break
        knew = answer == KNEW
        rating = Rating.Good if knew else Rating.Again
        before = memory.cards.get(card.id, Card())
        memory.cards[card.id], _ = scheduler.review_card(before, rating, datetime.now(timezone.utc))
        memory.save()
        known += knew and card.id not in again
        if not knew and card.id not in again:
            again.add(card.id)
            waiting.append(card)
    return known


def _knew(ask: Callable[[str], str]) -> str:
    while True:
        word = ask("    Did you know it? [y/n, q to stop] ").strip().lower()[:1]
        if word in (KNEW, DID_NOT, STOP):
            return word
