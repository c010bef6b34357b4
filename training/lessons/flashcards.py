"""Flash cards: an Anki deck of each lesson. Ids never change, so an update keeps what Anki knows of the learner.

https://docs.ankiweb.net/importing/packaged-decks.html: notes are told apart by their guid, decks and models by id.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path

from training.lessons.catalog import LESSONS, Lesson

MODEL_ID = 1_764_115_200_000
DECK_ID = 1_764_115_200_100  # and the lesson's number


@dataclass(frozen=True)
class Flashcard:
    id: str
    lesson: Lesson
    ask: str
    answer: str


def flashcards() -> list[Flashcard]:
    return [
        Flashcard(f"{lesson.name}/{key}", lesson, card["ask"], card["answer"])
        for lesson in LESSONS
        for key, card in lesson.flashcards().items()
    ]


def write_deck(path: Path) -> int:
    """Write the .apkg file that Anki imports; the number of its cards."""
    import genanki

    model = genanki.Model(
        MODEL_ID,
        "Gluon Rig",
        fields=[{"name": "Ask"}, {"name": "Answer"}, {"name": "Lesson"}],
        templates=[
            {"name": "Card", "qfmt": "{{Ask}}", "afmt": "{{FrontSide}}<hr id=answer>{{Answer}}<p><small>{{Lesson}}"}
        ],
        css=".card { font: 20px/1.5 sans-serif; text-align: left }",
    )
    decks = {
        one.number: genanki.Deck(DECK_ID + one.number, f"Gluon Rig::{one.number:02} {one.title}") for one in LESSONS
    }
    cards = flashcards()
    for card in cards:
        fields = [escape(text) for text in (card.ask, card.answer, f"Lesson {card.lesson.number}: {card.lesson.title}")]
        note = genanki.Note(model, fields, guid=genanki.guid_for("gluon-rig", card.id), tags=[card.lesson.name])
        decks[card.lesson.number].add_note(note)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    genanki.Package(list(decks.values())).write_to_file(str(aside))
    aside.replace(path)
    return len(cards)
