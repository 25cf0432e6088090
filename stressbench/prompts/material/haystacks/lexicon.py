"""The words and sentence forms of the prose haystack, without digits and names of places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Setting:
    """The words for sentences about one kind of place."""

    place: tuple[str, ...]
    person: tuple[str, ...]
    thing: tuple[str, ...]

    def words(self, kind: str) -> tuple[str, ...]:
        """Return the setting's words of a kind; empty if the general words are used."""
        if kind == "place":
            return self.place
        if kind == "person":
            return self.person
        return self.thing if kind == "thing" else ()


def words(text: str, separator: str = ", ") -> tuple[str, ...]:
    """Split a list of words that is written as one text, which is easier to read and edit."""
    return tuple(text.split(separator))


def _setting(place: str, person: str, thing: str) -> Setting:
    return Setting(words(place), words(person), words(thing))


SETTINGS: Final = (
    _setting(
        "the quay, the harbour, the warehouse, the customs shed, the slipway, the breakwater",
        "the harbour master, the pilot, the deckhand, the chandler, the fishmonger, the diver",
        "rope, crate, lantern, barge, anchor chain, tarpaulin, net, winch, ledger, oilskin",
    ),
    _setting(
        "the kitchen, the pantry, the dining room, the bakery, the cellar, the scullery",
        "the cook, the baker, the waiter, the apprentice, the dishwasher, the guest",
        "copper pan, loaf, kettle, recipe, oven door, sack of flour, apron, teapot, ladle, menu",
    ),
    _setting(
        "the reading room, the archive, the library, the map room, the bindery, the gallery",
        "the librarian, the archivist, the student, the translator, the curator, the bookbinder",
        "manuscript, atlas, catalogue, shelf, index card, engraving, reading lamp, folio, desk",
    ),
    _setting(
        "the orchard, the greenhouse, the walled garden, the meadow, the potting shed, the nursery",
        "the gardener, the beekeeper, the botanist, the groundskeeper, the neighbour, the florist",
        "pear tree, watering can, trellis, seed tray, rake, hive, barrow, hedge, cutting, bulb",
    ),
    _setting(
        "the station, the signal box, the depot, the waiting room, the platform, the goods yard",
        "the conductor, the porter, the engineer, the signalman, the passenger, the ticket clerk",
        "timetable, suitcase, whistle, carriage, points lever, lamp, parcel, bench, boiler, ticket",
    ),
    _setting(
        "the workshop, the forge, the sawmill, the foundry, the paint shop, the drawing office",
        "the carpenter, the blacksmith, the foreman, the welder, the clockmaker, the inspector",
        "lathe, chisel, blueprint, hinge, workbench, plank, gear, spring, anvil, pattern, clamp",
    ),
    _setting(
        "the classroom, the laboratory, the lecture hall, the courtyard, the common room, the gym",
        "the teacher, the chemist, the caretaker, the pupil, the lecturer, the assistant",
        "blackboard, microscope, notebook, experiment, specimen, map, globe, essay, beaker, poster",
    ),
    _setting(
        "the market, the arcade, the tailor's shop, the stall, the counting house, the square",
        "the grocer, the tailor, the weaver, the merchant, the customer, the clerk",
        "basket, scale, bolt of cloth, receipt, awning, coin purse, spice jar, shutter, handcart",
    ),
    _setting(
        "the clinic, the ward, the dispensary, the corridor, the surgery, the records room",
        "the nurse, the surgeon, the pharmacist, the patient, the orderly, the receptionist",
        "bandage, thermometer, chart, stretcher, prescription, screen, tray, blanket, inhaler",
    ),
    _setting(
        "the theatre, the rehearsal room, the stage, the box office, the workshop, the foyer",
        "the director, the violinist, the stagehand, the actor, the critic, the prompter",
        "curtain, script, costume, spotlight, prop, score, backdrop, trapdoor, programme, mask",
    ),
    _setting(
        "the farm, the barn, the dairy, the mill, the stable, the upper field",
        "the farmer, the miller, the shepherd, the vet, the hired hand, the auctioneer",
        "plough, haystack, milk churn, gate, harness, trough, fence post, tractor, egg box, saddle",
    ),
    _setting(
        "the observatory, the weather station, the hut, the ridge, the valley, the lookout",
        "the astronomer, the guide, the surveyor, the geologist, the ranger, the climber",
        "telescope, barometer, rucksack, rope bridge, star chart, compass, tent, cairn, log book",
    ),
    _setting(
        "the newsroom, the print works, the office, the post room, the studio, the archive",
        "the editor, the reporter, the typesetter, the photographer, the courier, the designer",
        "headline, proof, camera, envelope, typewriter, column, paper roll, contract, filing box",
    ),
    _setting(
        "the town hall, the council chamber, the registry, the bridge, the fountain, the park",
        "the mayor, the surveyor, the lamplighter, the constable, the petitioner, the sweeper",
        "petition, seal, statue, drain, notice board, key, footpath, banner, bell, minute book",
    ),
)

WORDS: Final = {
    "adjective": words(
        "old, narrow, quiet, heavy, broken, familiar, dusty, bright, borrowed, wooden, careful, "
        "faded, spare, crooked, patient, plain, curious, damp, polished, unfinished, tidy, rare, "
        "cheerful, stubborn, hollow, painted, modest, restless, gentle, rusty, useful, strange, "
        "delicate, weathered, ordinary, handsome, forgotten, cold, warm, smooth"
    ),
    "did": words(  # what someone did to a thing
        "repaired, carried away, measured, admired, mislaid, cleaned, sketched, weighed, "
        "wrapped up, inspected, painted, sorted, lent out, recognised, covered, described, "
        "examined, polished, returned, put down, labelled, unpacked, moved, inherited, copied, "
        "praised, replaced, sold, ordered, tested, guarded, refused, adjusted"
    ),
    "happened": words(  # what someone did, without object
        "waited, laughed, hesitated, listened, went home early, took a short walk, said nothing, "
        "began to sing, fell asleep, changed the subject, made tea, asked for advice, whistled, "
        "apologised, started again, kept working, looked out of the window, shrugged, nodded, "
        "wrote a long letter, told an old story, lost patience, arrived late, stayed behind, "
        "counted slowly, tried once more, agreed at once"
    ),
    "when": words(
        "in the morning, before dawn, after lunch, at the end of the week, during the storm, "
        "while the rain lasted, late in the evening, every spring, on the second day, "
        "just before closing time, on market day, in the middle of the night, at low tide, "
        "when the bell rang, long after the others had left, on a windy afternoon, that winter, "
        "as soon as the fog lifted, for the first time in years, without any hurry"
    ),
    "why": words(
        "because the road was closed, since nobody else had the time, although it was late, "
        "because the light was better there, so that the floor could dry, though no one had asked, "
        "as the old rules required, in spite of the noise, out of habit, to avoid a quarrel, "
        "because the weather was turning, so that nothing would be wasted, with great care, "
        "much to everyone's surprise, as if it were the most natural thing in the world, "
        "hoping for better luck, in exchange for a favour, with a tired smile"
    ),
    "how": words(
        "slowly, carefully, without a word, in silence, twice, once again, with some effort, "
        "by hand, in a hurry, cheerfully, reluctantly, as usual, all at once, with both hands, "
        "almost by accident, in good time, by lamplight, together"
    ),
    "state": words(
        "smelled of fresh paint, was almost empty, looked smaller than before, felt oddly calm, "
        "was full of voices, had not changed in years, was closed for repairs, lay in deep shade, "
        "needed a new roof, was warmer than expected, seemed to belong to another age, "
        "was colder than the street, had been swept and aired, glowed in the evening sun, "
        "was quieter than usual, had a view of the hills"
    ),
    "adverb": words(
        "Meanwhile, Afterwards, Later, Somehow, As a rule, Now and then, By then, In the end, "
        "For a while, Once more, To be fair, Even so, At first, On the whole, Soon, At last, "
        "Most days, From time to time"
    ),
}

FORMS: Final = (
    "{person} {did} the {adjective} {thing} {when}.",
    "{when} {person} {did} a {thing} from {place}.",
    "{adverb} {person} {happened}, and {person_} {happened_}.",
    "{place} {state}, {why}.",
    "{person} {happened} {when}.",
    "{person} {did} the {thing} {how}, {why}.",
    "the {adjective} {thing} beside {place} belonged to {person}.",
    "nobody in {place} could say where the {adjective} {thing} had come from.",
    "{adverb} {person} {did} the {thing} and {did_} the {thing_}.",
    "near {place} there was a {thing} that {person} had never noticed.",
    "{person} spoke of {place} as if it were a {adjective} {thing}.",
    "{when} the {thing} was taken to {place}, where {person} looked at it {how}.",
    "{place} {state} {when}.",
    "had it been up to {person}, the {thing} would have stayed in {place}.",
    "what {person} wanted was a {adjective} {thing}, not a {adjective_} one.",
    "{person} and {person_} {did} every {thing} in {place} {how}.",
    "{adverb} {place} {state}.",
    "{why}, {person} {did} the {adjective} {thing}.",
    "there were two kinds of {thing} in {place}, and {person} preferred the {adjective} one.",
    "{person} {happened}, {why}.",
    "according to {person}, the {thing} in {place} was older than the {thing_}.",
    "a {adjective} {thing} stood between {person} and {place}.",
)

SHORT: Final = words(
    "Yes.|It rained.|Time passed.|Nobody spoke.|The wind rose.|It was late.|All was well.|"
    "The day was long.|Nothing else happened.|The clock struck again.|Everyone agreed.|"
    "So it went on.|The door stayed open.|There was no hurry.|The tea had gone cold by then.|"
    "Then the lights came on.|Work began again.|A dog barked somewhere.|The snow had melted.|"
    "It was a good year for apples.|The letter was never answered.|Some things take time.|"
    "The others had already left.|The stairs creaked.|Summer came early that year.|"
    "Few people noticed.|The room fell silent.|It did not matter much.|"
    "The paint was still wet.|Someone laughed.|The road was empty.|And that was all.",
    "|",
)
