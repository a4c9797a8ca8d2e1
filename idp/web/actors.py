"""Who did something, as people read it: an officer goes by staff code and unit, the unit by its name."""

from collections.abc import Sequence

from flask_babel import gettext

from idp.domain.agencies import Agency
from idp.domain.officers import read_actor
from idp.web import language
from idp.web.texts import actor_text


class Actors:
    """Names them by the units there are; only where an officer acted are those needed."""

    def __init__(self, agencies: Sequence[Agency]) -> None:
        self._agencies = agencies

    def name(self, actor: str) -> str:
        """'' for the person; an officer's code and unit, or what the audit says."""
        if actor == "the person":
            return ""
        officer = read_actor(actor)
        if officer is None:
            return actor_text(actor)
        staff_code, agency_code = officer
        unit = next((each for each in self._agencies if each.answers_to(agency_code)), None)
        name = unit.name(language.current()) if unit else agency_code
        return str(gettext("%(unit)s, officer %(code)s", unit=name, code=staff_code))
