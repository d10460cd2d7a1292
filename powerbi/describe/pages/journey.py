"""User Journey Timeline: who did what, and when?

Sessions stand alone: counting them looks up the action before each, and the other figures need not wait for that.
"""

from __future__ import annotations

from powerbi.describe.look import ACTIONS
from powerbi.describe.pages.shared import DAY, REFRESH_S, SCENARIO, SLICERS, USER
from powerbi.describe.things import bars, cards, column, columns, dots, measure, table
from powerbi.layout import across
from powerbi.report import Page, Sort

_FIGURES, _SESSIONS = across(5, 2, height=120)
_DOTS, _COMMON = across(7, 3, top=136, height=330)
_ACTIVITY, _USERS, _STORY = across(4, 4, 6, top=482, height=370)
_WHEN = column("Action", "Occurred At", "When (UTC)")
_ACTION = column("Action", "Action")
_ACTIONS = measure("Action", "Actions")

JOURNEY = Page(
    key="journey",
    name="User Journey Timeline",
    question="Who did what, and when?",
    refresh_s=REFRESH_S,
    slicers=SLICERS,
    visuals=(
        cards(
            "figures",
            _FIGURES,
            "Actions, actions a day, users, scenarios touched",
            _ACTIONS,
            measure("Action", "Actions A Day", "Actions a day"),
            measure("Action", "Active Users"),
            measure("Action", "Scenarios Touched"),
        ),
        cards(
            "sessions",
            _SESSIONS,
            "Sessions, actions a session",
            measure("Action", "Sessions"),
            measure("Action", "Actions A Session", "Actions a session"),
        ),
        dots(
            "timeline",
            _DOTS,
            "Actions over time, a lane for each kind",
            "Dots: each action by its time, in a lane and colour for its kind",
            {
                "Category": (USER,),
                "Series": (_ACTION,),
                "X": (_WHEN,),
                "Y": (measure("Action", "Action Lane", "Lane"),),
                "Size": (_ACTIONS,),
            },
            colours=ACTIONS,
            style={"valueAxis": {"show": False}},
        ),
        bars("common", _COMMON, "Most common actions", "Bars: actions by kind", _ACTION, _ACTIONS),
        columns(
            "activity",
            _ACTIVITY,
            "Activity by day (colours as above)",
            "Columns: actions a day by kind",
            (DAY,),
            _ACTIONS,
            _ACTION,
            colours=ACTIONS,
            style={"legend": {"show": False}},
        ),
        table(
            "users",
            _USERS,
            "Users by activity",
            "Table: users with actions, days with any, scenarios touched and last action",
            USER,
            _ACTIONS,
            measure("Action", "Active Days", "Days"),
            measure("Action", "Scenarios Touched", "Scenarios"),
            measure("Action", "Last Action", "Last (UTC)"),
            sort=Sort(_ACTIONS),
        ),
        table(
            "story",
            _STORY,
            "The story, newest first",
            "Table: actions with time, user, scenario and what was done",
            _WHEN,
            USER,
            SCENARIO,
            _ACTION,
            column("Action", "What"),
            sort=Sort(_WHEN),
        ),
    ),
)
