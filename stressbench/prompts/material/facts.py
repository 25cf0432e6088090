"""Facts to ask about: closed-book questions, and keys and codes that no model can know."""

from __future__ import annotations

import random
import uuid
from typing import Final, Literal, cast

from stressbench.prompts.material.haystacks.lexicon import words

ValueKind = Literal["digits", "uuid", "word"]

CITIES: Final = words(
    "Oslo, Lima, Cairo, Hanoi, Quito, Dakar, Perth, Turin, Kyoto, Boston, Dublin, Madrid, "
    "Nairobi, Geneva, Havana, Jakarta, Lisbon, Manila, Munich, Naples, Odessa, Prague, Riyadh, "
    "Seoul, Sydney, Tallinn, Tehran, Toronto, Tripoli, Vienna, Warsaw, Zagreb, Zurich, Athens, "
    "Berlin, Bogota, Bremen, Brussels, Caracas, Denver, Glasgow, Hamburg, Helsinki, Houston, "
    "Karachi, Kingston, Krakow, London, Lyon, Malaga, Mumbai, Nantes, Osaka, Ottawa, Palermo, "
    "Porto, Rabat, Rome, Seville, Sofia, Tunis, Utrecht, Venice, Vilnius"
)

_CODE_WORDS: Final = words(
    "amber, badger, cobalt, dagger, ember, falcon, garnet, heron, indigo, jasper, kestrel, "
    "lotus, magnet, nectar, opal, panther, quartz, raven, saffron, thistle, umber, velvet, "
    "walnut, zephyr, anvil, beacon, cedar, dolphin, fennel, glacier, hazel, ivory, juniper, "
    "lantern, maple, nutmeg, otter, pepper, quiver, rocket, silver, tulip, violet, willow"
)


NAMES: Final = words(
    "Alice, Boris, Clara, Daniel, Elena, Felix, Greta, Henry, Irene, Jonas, Karin, Leo, Maria, "
    "Nadia, Oscar, Paula, Quentin, Rosa, Simon, Teresa, Ulrich, Vera, Walter, Yvonne, Zoe, Anton, "
    "Bella, Carlos, Diana, Edgar"
)
SURNAMES: Final = words(
    "Abbott, Barlow, Castell, Dorsey, Ellison, Falk, Garner, Holm, Irving, Jansen, Keller, Lund, "
    "Marsh, Norton, Olsen, Porter, Quill, Ramsey, Sutton, Thorne, Ullman, Vance, Weber, York, "
    "Zeller, Archer, Boone, Crane, Drake, Ewing, Frost, Grant, Hale, Kirby, Lowe, Moss, Nash, "
    "Pike, Reid, Shaw, Tate, Voss, Ward, Yates, Bloom, Clay, Dunn, Fox, Gill, Hart, Knox, Lang, "
    "Mead, Noble, Page, Rush, Stone, Todd, Webb, Wolf, Birch, Cole, Dale, Ford, Gray, Hunt, King"
)


def draw_value(rng: random.Random, kind: str) -> str:
    """Draw a value that cannot be guessed: six digits (20 bits), a UUID (122), or two words."""
    kind = cast("ValueKind", kind)
    if kind == "digits":
        return str(rng.randrange(100_000, 1_000_000))
    if kind == "uuid":
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return "-".join(rng.sample(_CODE_WORDS, 2))


def draw_values(rng: random.Random, kind: str, count: int) -> list[str]:
    """Draw ``count`` different values."""
    values: dict[str, None] = {}
    while len(values) < count:
        values[draw_value(rng, kind)] = None
    return list(values)


_BRIEF: Final = "Answer briefly."

QUESTIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = tuple(
    (f"{question} {_BRIEF}", tuple(answers.split("|")))
    for question, answers in (
        ("What is the capital of France?", "Paris"),
        ("What is the capital of Japan?", "Tokyo"),
        ("What is the capital of Italy?", "Rome"),
        ("What is the capital of Germany?", "Berlin"),
        ("What is the capital of Spain?", "Madrid"),
        ("What is the capital of England?", "London"),
        ("What is the capital of Russia?", "Moscow"),
        ("What is the capital of China?", "Beijing|Peking"),
        ("What is the capital of Egypt?", "Cairo"),
        ("What is the capital of Greece?", "Athens"),
        ("What is the capital of Canada?", "Ottawa"),
        ("What is the capital of Australia?", "Canberra"),
        ("Which planet do we live on?", "Earth|the Earth"),
        ("Which planet is the largest in the solar system?", "Jupiter"),
        ("Which planet is known as the red planet?", "Mars"),
        ("Which star is closest to the Earth?", "the Sun|Sun"),
        ("What is the chemical formula of water?", "H2O|H₂O"),
        ("What is the chemical symbol of gold?", "Au"),
        ("Which gas do humans need to breathe?", "oxygen|O2"),
        ("What is frozen water called?", "ice"),
        ("How many days are there in a week?", "7|seven|seven days|7 days"),
        ("How many months are there in a year?", "12|twelve|twelve months|12 months"),
        ("How many legs does a spider have?", "8|eight|eight legs|8 legs"),
        ("How many sides does a triangle have?", "3|three|three sides|3 sides"),
        ("How many minutes are there in an hour?", "60|sixty|sixty minutes|60 minutes"),
        ("What is two plus three?", "5|five"),
        ("What colour is the sky on a clear day?", "blue"),
        ("What colour is grass?", "green"),
        ("What colour do you get when you mix blue and yellow?", "green"),
        ("Which animal says meow?", "cat|the cat|a cat"),
        ("Which animal is known as man's best friend?", "dog|the dog|a dog"),
        ("Which is the largest ocean on Earth?", "Pacific|Pacific Ocean|the Pacific Ocean"),
        ("Which is the tallest mountain on Earth?", "Mount Everest|Everest|Mt. Everest"),
        ("Who wrote Romeo and Juliet?", "William Shakespeare|Shakespeare"),
        ("Who painted the Mona Lisa?", "Leonardo da Vinci|da Vinci|Leonardo"),
        ("Who was the first president of the United States?", "George Washington|Washington"),
        ("Which language is spoken in Brazil?", "Portuguese"),
        ("Which language do most people in Mexico speak?", "Spanish"),
        ("What is the currency of Japan?", "yen|the yen|Japanese yen"),
        ("What is the currency of the United States?", "dollar|US dollar|the US dollar|USD"),
        ("Which month comes after June?", "July"),
        ("Which day comes after Monday?", "Tuesday"),
        ("Which season comes after winter?", "spring"),
        ("What do bees make?", "honey"),
        ("What is the opposite of hot?", "cold"),
        ("What is the opposite of up?", "down"),
        ("Which organ pumps blood through the body?", "heart|the heart"),
        ("Which continent is Egypt in?", "Africa"),
    )
)
"""Questions, each with all its accepted answers."""
