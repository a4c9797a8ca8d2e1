"""The longer texts people read: what a refusal says, and the pages that only inform.

The English sentences are the message ids: they are marked here with `N_` and translated when a page is drawn.
A text never names a telephone number or a province: the templates add those from the settings.
Long because it is tables of sentences; the functions come first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_babel import gettext


@dataclass(frozen=True, slots=True)
class RefusalText:
    """What a refusal page says: what happened, and what to do now, step by step."""

    title: str
    what: str
    steps: Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of an information page."""

    title: str
    paragraphs: Sequence[str]


@dataclass(frozen=True, slots=True)
class InformationPage:
    """A page that only informs; `links` are pairs of label and local address."""

    title: str
    paragraphs: Sequence[str]
    links: Sequence[tuple[str, str]]
    sections: Sequence[Section] = field(default=())


def refusal_text(code: str) -> RefusalText:
    """The text for a refusal code in the page's language; an unknown code reads as a malformed request."""
    text = _REFUSALS.get(code, _REFUSALS["request_malformed"])
    return RefusalText(gettext(text.title), gettext(text.what), _translated(text.steps))


def information_page(name: str) -> InformationPage | None:
    """The information page of that name in the page's language, or None when there is no such page."""
    page = _PAGES.get(name)
    if page is None:
        return None
    return InformationPage(
        gettext(page.title),
        _translated(page.paragraphs),
        tuple((gettext(label), address) for label, address in page.links),
        tuple(Section(gettext(part.title), _translated(part.paragraphs)) for part in page.sections),
    )


def event_text(event: str) -> str:
    """What happened, in the words of the page; one that people need no words for reads by its name."""
    return gettext(_EVENTS[event]) if event in _EVENTS else event


def actor_text(actor: str) -> str:
    """Who did it; an officer goes by the name that was given."""
    return gettext(_ACTORS[actor]) if actor in _ACTORS else actor


def ground_text(details: str) -> str:
    """Why an account was locked, from its line of the history: the ground, then what was written down with it."""
    ground, *more = details.split("\n")
    if ground not in GROUNDS:
        return details
    return " · ".join([gettext(GROUNDS[ground]), *([] if ground == "own_wish" else more)])


def _translated(sentences: Sequence[str]) -> tuple[str, ...]:
    return tuple(gettext(sentence) for sentence in sentences)


def N_(text: str) -> str:
    """Mark a string for the catalogue without translating it yet; extraction knows it by this name."""
    return text


_CALL_WITH_NUMBER = N_("If it still does not work, call the help desk and read out the number shown below.")
_START_AT_SERVICE = N_("Open the service from its own home page and press Sign in once more.")

_REFUSALS = {
    "unknown_service": RefusalText(
        N_("This service is not registered with the province"),
        N_(
            "The page you came from asked for a sign-in, but it is not on the list of services that may use "
            "this account. Nothing about you was sent."
        ),
        (
            N_("Look at the address of the page you came from. If it seems strange, close it and type nothing there."),
            N_("If you know the service, open it from the list on the home page of this site."),
            _CALL_WITH_NUMBER,
        ),
    ),
    "redirect_uri_not_registered": RefusalText(
        N_("We cannot take you back to the service"),
        N_(
            "The service asked us to send you to an address that is not registered with the province. "
            "We stopped here to keep you safe. Nothing about you was sent."
        ),
        (
            N_("Do not use the saved or forwarded link again."),
            _START_AT_SERVICE,
            _CALL_WITH_NUMBER,
        ),
    ),
    "request_malformed": RefusalText(
        N_("The sign-in request is wrong or incomplete"),
        N_(
            "The link that brought you here is broken or lacks a part. You did nothing wrong, "
            "and nothing about you was sent."
        ),
        (
            _START_AT_SERVICE,
            N_("If you followed a link in a message, do not use that link again."),
            _CALL_WITH_NUMBER,
        ),
    ),
    "request_too_large": RefusalText(
        N_("The service sent too much at once"),
        N_(
            "The service sent us more than a sign-in needs, so we did not accept it. You did nothing wrong, "
            "and nothing about you was sent."
        ),
        (
            _START_AT_SERVICE,
            _CALL_WITH_NUMBER,
        ),
    ),
    "not_permitted": RefusalText(
        N_("Your assignment does not allow this"),
        N_("This needs another role or unit than the one you work for now. That you tried is written down."),
        (N_("If it should be yours, ask the administrator of your unit."), _CALL_WITH_NUMBER),
    ),
    "same_officer": RefusalText(
        N_("Another officer has to decide this"),
        N_("You asked for it yourself, so somebody else decides, in a sign-in of their own."),
        (N_("It waits in the list of cases for a colleague."),),
    ),
    "same_device": RefusalText(
        N_("This has to be decided in another browser"),
        N_("It was asked for in this very browser. Two officers at one computer are not two officers."),
        (N_("Decide at your own computer."),),
    ),
    "own_case": RefusalText(
        N_("This is your own record"),
        N_("Nobody looks at, changes or decides on one’s own record as an officer."),
        (N_("For your own affairs, sign in with your own account, like everybody else."),),
    ),
    "case_changed": RefusalText(
        N_("What you saw is not what was asked"),
        N_("The case is not the one that your page showed. Nothing was decided."),
        (N_("Open it again from the list and look at it anew."),),
    ),
    "case_expired": RefusalText(
        N_("This waited too long"),
        N_("Nobody decided within seven days, so that it ended. Nothing was done."),
        (N_("Whoever asked for it can ask again."),),
    ),
    "document_expired": RefusalText(
        N_("The document has run out"),
        N_("It ran out while the case waited, so that it proves nothing any more. Nothing was done."),
        (N_("Ask the person to come with a document that is good."),),
    ),
    "page_expired": RefusalText(
        N_("This page has expired"),
        N_(
            "The page was open for too long, or its button was already pressed once. "
            "To keep your account safe, please start again."
        ),
        (
            N_("Go back to the service you want to enter and press Sign in once more."),
            N_("If you use several tabs, continue in the newest one and close the others."),
            _CALL_WITH_NUMBER,
        ),
    ),
    "link_expired": RefusalText(
        N_("This link does not work any more"),
        N_("The link is from a message that is too old, or it was not copied whole. Nothing was changed."),
        (
            N_(
                "If somebody else may be using your account, go to the home page and choose: "
                "Afraid of a scam? Lock your account."
            ),
            N_("If you cannot do that, call the help desk: your account can be locked by phone."),
        ),
    ),
    "service_suspended": RefusalText(
        N_("Sign-in to this service is paused"),
        N_("The province has paused sign-in to this service for now. Your account still works for the other services."),
        (
            N_("Look for news on the service's own page, and try again later."),
            N_("If it is urgent, visit a commune Public Administration Service Centre: an officer will help you."),
            N_("To ask for the reason, call the help desk and read out the number shown below."),
        ),
    ),
    "busy": RefusalText(
        N_("Too many attempts at once"),
        N_("Many requests arrived together, from this connection or from many people. Your account is not affected."),
        (
            N_("Wait one minute. Please do not press the button repeatedly."),
            N_("Then go back and try again."),
            _CALL_WITH_NUMBER,
        ),
    ),
    "not_found": RefusalText(
        N_("There is no such page"),
        N_("The address may be mistyped, or the page may have been removed."),
        (
            N_("Check the address, letter by letter."),
            N_("Or go to the home page and choose what you need."),
        ),
    ),
    "method_not_allowed": RefusalText(
        N_("This page cannot be opened this way"),
        N_("This address is one step within a sign-in. It cannot be opened by itself."),
        (
            N_("Go back to the service you want to enter and press Sign in once more."),
            N_("Or go to the home page and choose what you need."),
        ),
    ),
    "server_error": RefusalText(
        N_("Something went wrong on our side"),
        N_("The system met an error and could not finish. You did nothing wrong."),
        (
            N_("Wait a few minutes, then try again."),
            _CALL_WITH_NUMBER,
            N_("If it is urgent, visit a commune Public Administration Service Centre: an officer will help you."),
        ),
    ),
    "unavailable": RefusalText(
        N_("The system is not available right now"),
        N_(
            "The identity site is under maintenance, or a system it needs does not answer. Your "
            "account is not affected."
        ),
        (
            N_("Try again in about 15 minutes."),
            N_("If it is urgent, visit a commune Public Administration Service Centre: an officer will help you."),
            _CALL_WITH_NUMBER,
        ),
    ),
    "logout_malformed": RefusalText(
        N_("You may still be signed in"),
        N_("The service asked us to sign you out, but its request was wrong or incomplete, so we did not act on it."),
        (
            N_("Go to the home page of this site. If your name is shown at the top, press Sign out beside it."),
            N_("On a shared computer, please also close all browser windows."),
            _CALL_WITH_NUMBER,
        ),
    ),
    "cookies_off": RefusalText(
        N_("The browser does not let this site remember you"),
        N_(
            "To sign in, the browser must remember you from one page to the next (with cookies). "
            "Here this is turned off."
        ),
        (
            N_("If you opened this page inside a chat app, open it in the phone's browser instead."),
            N_("Otherwise open the browser's settings and allow cookies for this site."),
            N_("Then go back to the service you want to enter and press Sign in once more."),
        ),
    ),
}

_TO_HOME = (N_("Go to the home page"), "/")
_TO_SIGN_IN = (N_("Sign in"), "/sign-in")
_TO_HELP = (N_("Help"), "/help")
_TO_RECOVER = (N_("Forgot password or lost phone"), "/recover")
_TO_LOCK = (N_("Afraid of a scam? Lock your account"), "/lock")
_TO_PRIVACY = (N_("Personal data protection"), "/privacy")
_ANY_CENTRE = N_(
    "Bring your ID card to the Public Administration Service Centre of any commune or ward in the province. "
    "You do not need to live there."
)
_VNEID_FOR_PROCEDURES = N_(
    "To file an administrative procedure, the law requires you to sign in with VNeID. "
    "This account does not replace VNeID."
)

_PAGES = {
    "business": InformationPage(
        N_("My organisations and mandates"),
        (
            N_("Acting for a company, household business or other organisation is not open on this site yet."),
            N_(
                "For now you sign in as yourself. The business of an organisation is handled at a "
                "Public Administration Service Centre."
            ),
            N_("Never give your password to somebody who works for you. What they do with it counts as done by you."),
        ),
        (_TO_HELP, _TO_HOME),
    ),
    "help": InformationPage(
        N_("Help"),
        (N_("A person can help you: by phone, or at any commune Public Administration Service Centre."),),
        (_TO_SIGN_IN, _TO_RECOVER, _TO_LOCK, _TO_HOME),
        (
            Section(
                N_("I cannot sign in"),
                (
                    N_(
                        "Type the 12 digits on your ID card without spaces. Press Show to see the password "
                        "while you type it."
                    ),
                    N_(
                        "Check that the keyboard is not set to capital letters and that the Vietnamese input "
                        "method is off."
                    ),
                ),
            ),
            Section(
                N_("I use a shared computer"),
                (N_("When you have finished, press Sign out beside your name, then close all browser windows."),),
            ),
            Section(
                N_("Somebody called and asked for a code"),
                (
                    N_(
                        "That is a scam, whoever they say they are. Hang up. If you already gave it, have "
                        "your account locked at once."
                    ),
                ),
            ),
            Section(N_("I want to file an administrative procedure"), (_VNEID_FOR_PROCEDURES,)),
        ),
    ),
    "privacy": InformationPage(
        N_("Personal data protection"),
        (
            N_(
                "The province keeps only what is needed to know that it is you, and sends it only to "
                "the services you enter."
            ),
        ),
        (
            (N_("My identity"), "/account"),
            (N_("Requests about my data"), "/account/rights"),
            (N_("Services that use this account"), "/services"),
            _TO_HOME,
        ),
        (
            Section(
                N_("What we keep"),
                (
                    N_(
                        "Your name, ID number and the information shown under My identity; when you signed "
                        "in, and which services you entered."
                    ),
                    N_(
                        "Your password is kept in a form that nobody can read back. Pictures of your ID card "
                        "are not kept."
                    ),
                ),
            ),
            Section(
                N_("Who receives it"),
                (
                    N_("Only the services on the public list, and only the information shown to you before you enter."),
                    N_("Your password is never sent to any service."),
                ),
            ),
            Section(
                N_("Your rights"),
                (
                    N_(
                        "Under the Law on Personal Data Protection (No. 91/2025/QH15) you may see your data, "
                        "have it corrected or deleted, withdraw your permission, and complain."
                    ),
                    N_(
                        "Sign in and open Requests about my data: you read there how it goes, and by when we answer. "
                        "Who cannot sign in, or whose account is locked, calls the help desk, or brings an ID card to "
                        "any Public Administration Service Centre: an officer opens the request."
                    ),
                ),
            ),
        ),
    ),
    "accessibility": InformationPage(
        N_("Accessibility"),
        (
            N_(
                "Everybody should be able to use this site, also with a screen reader, a keyboard "
                "only, very large text or an old phone."
            ),
            N_(
                "Press Large text at the top of any page to make all letters bigger. Dark colours "
                "follow the setting of your device."
            ),
            N_("We build the pages to the international standard WCAG 2.2, level AA. No page needs a script."),
            N_(
                "If something is hard to read or to press, please call the help desk. If you prefer, "
                "an officer at a Centre will do it with you."
            ),
        ),
        (_TO_HELP, _TO_HOME),
    ),
    "status": InformationPage(
        N_("System status"),
        (
            N_("The identity site is answering: you are reading one of its pages."),
            N_("This page does not measure other systems yet. A service, or VNeID, can be down while this site works."),
            N_("If a service does not open after you sign in, wait 15 minutes and try again, or call the help desk."),
        ),
        (_TO_SIGN_IN, _TO_HELP, _TO_HOME),
    ),
}

_EVENTS = {
    "account.created": N_("The account was made"),
    "account.preloaded": N_("The account was taken over from an old portal"),
    "account.claimed": N_("The account of the old portal was claimed"),
    "account.locked": N_("The account was locked"),
    "account.merged": N_("Two accounts of one person were merged"),
    "account.unmerged": N_("The merging of two accounts was undone"),
    "account.closed": N_("The account was closed"),
    "account.erased": N_("The data were erased"),
    "person.corrected": N_("A document corrected the data"),
    "officer.created": N_("An officer was entered"),
    "officer.enrolled": N_("An officer set up password and app"),
    "officer.assigned": N_("An officer was given a role"),
    "officer.unassigned": N_("A role was taken from an officer"),
    "officer.break_glass": N_("A role was taken without approval, in an emergency"),
    "officer.access_refused": N_("Something was refused to an officer"),
    "service.registered": N_("A service was registered"),
    "service.invited": N_("A service was invited"),
    "service.invitation_withdrawn": N_("An invitation of a vendor was taken back"),
    "service.changed": N_("A service was changed"),
    "service.suspended": N_("A service was suspended"),
    "service.resumed": N_("A service went on"),
    "service.removed": N_("A service was removed"),
    "service.secret_added": N_("A service got a further secret"),
    "service.secret_ended": N_("A secret of a service ended"),
    "service.secret_reminded": N_("A service was told that a secret ends soon"),
    "service.test_people_made": N_("Test people were made for a service"),
    "key.made": N_("A key was made"),
    "key.state_changed": N_("A key came into use or went out of it"),
    "keys.rewrapped": N_("Keys were sealed anew"),
    "outbox.retried": N_("Deliveries were tried anew"),
    "screen_code.made": N_("A code for a counter’s screen was made"),
    "counter_screen.set": N_("A computer became the screen of a counter"),
    "history.dropped": N_("A month of history was let go"),
    "log.read": N_("An auditor searched the history"),
    "log.exported": N_("An auditor took a part of the history away"),
    "people.searched": N_("An officer searched for people"),
    "case.asked": N_("An officer asked for a second officer’s approval"),
    "case.approved": N_("A second officer approved"),
    "case.refused": N_("A second officer refused"),
    "case.withdrawn": N_("An officer took a question back"),
    "case.expired": N_("A question waited too long and ended"),
    "bulk.handed_over": N_("A file for many accounts was handed over"),
    "bulk.started": N_("A deed for many accounts began"),
    "bulk.done": N_("A deed for many accounts was done"),
    "bulk.dropped": N_("A file for many accounts was thrown away"),
    "recall.started": N_("Checks of people began to be taken back"),
    "proof.recalled": N_("The check at a counter was taken back"),
    "recall.done": N_("Checks of people were taken back"),
    "account.unlocked": N_("The account was opened again"),
    "person.proved": N_("Checked in person at a counter"),
    "sign_in.succeeded": N_("Signed in"),
    "sign_in.failed": N_("A wrong password"),
    "sign_in.throttled": N_("Too many wrong passwords"),
    "second_factor.failed": N_("A wrong second step"),
    "factor.added": N_("A way to sign in was added"),
    "factor.removed": N_("A way to sign in was removed"),
    "device.forgotten": N_("A known browser was forgotten"),
    "contact.added": N_("A phone or e-mail was added"),
    "contact.removed": N_("A phone or e-mail was removed"),
    "printed_codes.issued": N_("New codes on paper"),
    "printed_code.used": N_("A code on paper was used"),
    "recovery.opened": N_("The account was asked back"),
    "recovery.cancelled": N_("Somebody said no to getting the account back"),
    "recovery.done": N_("The account was got back"),
    "password.changed": N_("The password was changed"),
    "password.rehashed": N_("The password was stored more strongly"),
    "session.signed_out": N_("Signed out"),
    "session.expired": N_("A sign-in ran out"),
    "session.replaced": N_("Another person signed in in the same browser"),
    "session.ended": N_("A sign-in was ended"),
    "record.read": N_("Looked at my data"),
    "data.taken": N_("Everything that is held on me was taken away as a file"),
    "screen.approved": N_("You signed in on another screen with your phone"),
    "screen.refused": N_("A sign-in on another screen was refused on your phone"),
    "consent.given": N_("Agreed that a service receives information"),
    "consent.refused": N_("Did not agree that a service receives information"),
    "consent.withdrawn": N_("Withdrew the agreement"),
    "notice.shown": N_("Was told what a service receives by law"),
    "rights.asked": N_("A request about my data was received"),
    "rights.answered": N_("The request about my data was answered"),
    "rights.extended": N_("The request about my data was given more time"),
    "rights.fulfilled": N_("What was asked about my data was done"),
    "rights.refused": N_("The request about my data was refused"),
    "rights.withdrawn": N_("The request about my data was taken back"),
    "grant.code_replayed": N_("A service’s access was ended: its code came twice"),
    "grant.revoked": N_("A service’s access was ended"),
    "grant.withdrawn": N_("A service’s access was ended: the agreement was withdrawn"),
    "grant.refresh_reused": N_("A service’s access was ended: its key came twice"),
}

# Why an account is locked (domain/accounts.Ground).
GROUNDS = {
    "card_expired": N_("the ID card has run out"),
    "passport_expired": N_("the passport has run out"),
    "residence_expired": N_("the residence permit has run out"),
    "own_wish": N_("at your own wish"),
    "breach": N_("the rules of use were not kept"),
    "misuse": N_("to stop misuse"),
    "card_held": N_("the ID card is held or was withdrawn"),
    "authority": N_("an authority asked for it"),
}
_ACTORS = {
    "the command line": N_("an administrator"),
    "the demo": N_("the demonstration"),
    "the first start": N_("the first start of the system"),
    "the next person": N_("the next person in the same browser"),
    "the recovery of the account": N_("getting the account back"),
    "the worker": N_("the system, by itself"),
}
