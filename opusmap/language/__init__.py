"""What an editor asks of a mapping: problems, completion, hover, definition, quick fixes.

Owns questions at a position of a text. The answers are the compiler's, the connection's and the source's.
"""

from opusmap.language.positions import Position, Range, TextEdit
from opusmap.language.service import LanguageService

__all__ = ["LanguageService", "Position", "Range", "TextEdit"]
