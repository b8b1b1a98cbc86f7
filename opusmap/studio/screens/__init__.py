"""The screens of the studio, by the first part of their addresses."""

from opusmap.studio.screens import (
    check_screen,
    columns_screen,
    due_screen,
    file_screen,
    home_screen,
    report_screen,
    send_screen,
    values_screen,
    whole_mapping,
)
from opusmap.studio.visit import Screen

SCREENS: dict[str, Screen] = {
    screen.name: screen
    for screen in (
        home_screen.SCREEN,
        file_screen.SCREEN,
        columns_screen.SCREEN,
        values_screen.SCREEN,
        check_screen.SCREEN,
        send_screen.SCREEN,
        report_screen.SCREEN,
        due_screen.SCREEN,
        whole_mapping.SCREEN,
    )
}
