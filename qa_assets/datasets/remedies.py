"""What would be right, by the code of what is wrong: said where nobody said it more closely."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.datasets import Quarantined, Remark

_AGAIN = "Fetch it again."
_PACK = "Pack it again, with plain files below one folder."
_UTF8 = "Save it as UTF-8."
_ENTRY = "Correct the entry, or remove it."
_NUMBERS = "Save the numbers with numpy.save or numpy.savez, without objects."
REMEDIES: Mapping[str, str] = {
    "ARC_BOMB": _PACK,
    "ARC_CORRUPT": _AGAIN,
    "ARC_DUPLICATE": _PACK,
    "ARC_ENCRYPTED": "Pack it without a password.",
    "ARC_FORMAT": "Give a zip or a tar.",
    "ARC_LINK": _PACK,
    "ARC_MEMBERS": "Split it, or raise limits.max_members.",
    "ARC_NAME": _PACK,
    "ARC_SPECIAL": _PACK,
    "ARC_TRAVERSAL": _PACK,
    "CSV_COLUMNS": "Name each column once, in the first line.",
    "CSV_EMPTY": "Give a table with a line of column names and rows below it.",
    "CSV_ENCODING": _UTF8,
    "CSV_EXTRA": "Remove the column, or name it among those that are expected.",
    "CSV_FIELD": "Shorten the field.",
    "CSV_MISSING": "Give the path of a table that is there.",
    "CSV_NESTED": "Give one text or number a row; pictures are saved as files beside the table.",
    "CSV_QUOTE": "Close the quotation mark; write a quotation mark inside a field twice.",
    "CSV_RAGGED": "Give each row as many fields as there are columns.",
    "FEAT_CONSTANT": "Leave the column out, or correct it.",
    "FEAT_DRIFT": "Find out what changed: a unit, a sensor or the population.",
    "FEAT_DUPLICATE": "Remove one of the rows, or give it an id of its own.",
    "FEAT_LEAK": "Leave the column out, unless it is known before the label is.",
    "FEAT_MISSING": "Fill it in, or drop the row.",
    "FEAT_NONFINITE": "Give finite numbers, or drop the sample.",
    "FEAT_RANGE": "Correct it, or state a range.",
    "FEAT_TYPE": "Write it as a number.",
    "IDX_CORRUPT": _AGAIN,
    "IDX_COUNT": "Take two files of one version.",
    "IDX_LENGTH": _AGAIN,
    "IDX_MAGIC": "Give an IDX file, as MNIST has.",
    "IDX_SHAPE": "Give pictures (idx3) with their labels (idx1).",
    "IDX_TYPE": "Store pictures as unsigned bytes.",
    "IMG_ASPECT": "Crop it, or raise limits.max_aspect.",
    "IMG_CORRUPT": _AGAIN,
    "IMG_EMPTY": _AGAIN,
    "IMG_FORMAT": "Convert it to PNG or JPEG.",
    "IMG_FRAMES": "Export the frames.",
    "IMG_MODE": "Convert it to 8-bit grey or RGB with a scale that you choose.",
    "IMG_NONFINITE": "Export it again with finite pixels, as 8 or 16 bits.",
    "IMG_NOT_IMAGE": "Remove it from the dataset.",
    "IMG_TOO_LARGE": "Scale it down, or raise limits.max_pixels.",
    "IMG_TOO_SMALL": "Remove it, or lower limits.min_side.",
    "IMG_TRUNCATED": _AGAIN,
    "JSON_DEPTH": "Write it flat: one object a picture.",
    "JSON_DUPLICATE": "Keep one of the keys.",
    "JSON_SYNTAX": "Correct the file at that place; it has to be JSON.",
    "JSON_TYPE": "Write a list of objects, or one object from file name to label.",
    "LABEL_ALIKE": "Give them one name, if they are one class.",
    "LABEL_COLUMN": "Name the columns filename and label.",
    "LABEL_CONFLICT": "Keep the row whose label is right.",
    "LABEL_DUPLICATE": "Keep one of the rows.",
    "LABEL_EMPTY": "Fill in the label, or remove the row.",
    "LABEL_FOLDER": "Name a picture, not its folder.",
    "LABEL_LONG": "Shorten the label.",
    "LABEL_MISSING": "Add the picture, or remove the row.",
    "LABEL_NOTHING": "Leave the label empty, if it is missing.",
    "LABEL_NUL": _ENTRY,
    "LABEL_ORPHAN": "Add a row for it, or remove the picture.",
    "LABEL_PATH": "Give a path below the table's own folder.",
    "LABEL_SIDE": "If they are sides, leave nothing but them in the folder.",
    "LABEL_SPACE": "Remove the spaces around the label.",
    "LABEL_UNKNOWN": "Correct the label.",
    "NAME_COLLISION": "Rename one of them.",
    "NAME_CONTROL": "Rename it without these characters.",
    "NAME_DEPTH": "Move it up: fewer folders within folders.",
    "NAME_ENCODING": "Rename it in UTF-8.",
    "NAME_EXTENSION": "Remove it, or call it by what it is.",
    "NAME_LINK": "Replace the link by the file itself.",
    "NAME_PERMISSION": "Make it readable for this user.",
    "NAME_PORTABLE": "Rename it.",
    "NAME_SPECIAL": "Remove it: samples are plain files.",
    "NPY_HEADER": _AGAIN,
    "NPY_LENGTH": _AGAIN,
    "NPY_MAGIC": _NUMBERS,
    "NPY_OBJECT": _NUMBERS,
    "NPY_SHAPE": "Give pictures as (sample, height, width) or (sample, height, width, 3).",
    "NPY_TYPE": _NUMBERS,
    "NPZ_KEYS": "Save pictures and labels together: numpy.savez(file, x=pictures, y=labels).",
    "SET_CLASS_EMPTY": "Add samples of it, or remove the class.",
    "SET_CLASS_SMALL": "Add samples of it, or merge it with another class.",
    "SET_EMPTY": "Bring pictures: a folder a class, a table beside them, an archive, IDX or NPZ.",
    "SET_FORMAT": "Name a format that there is, or leave it out.",
    "SET_IMBALANCE": "Add samples of it, or merge it with another class.",
    "SET_LABEL_CONFLICT": "Remove the wrong one.",
    "SET_LEAK": "Keep it on one side.",
    "SET_MISSING": "Give the path of a folder, an archive or a file that is there.",
    "SET_ONE_CLASS": "Add the samples of a second class.",
    "SET_TABLES": "Give the path of one of them.",
}
"""A sentence each; codes of what is odd but used without any doing have none."""
_Said = TypeVar("_Said", Problem, Quarantined, Remark)


def with_remedy(said: _Said) -> _Said:
    """The same with a remedy, if it has none and there is one."""
    return said if said.remedy else replace(said, remedy=REMEDIES.get(said.code, ""))


@contextmanager
def remedies() -> Generator[None]:
    """Whatever is refused inside says what would be right.

    Raises:
        InputRefused: As it was raised, with remedies.
    """
    try:
        yield
    except InputRefused as error:
        raise InputRefused(*map(with_remedy, error.problems)) from error
