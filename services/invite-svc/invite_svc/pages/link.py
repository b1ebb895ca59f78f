"""The pages of the link in the mail: who asks for what, begin, continue here, ask for a new invitation."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from invite_svc import domain
from invite_svc.domain import Invitation
from invite_svc.pages import screens
from invite_svc.pages.layout import AGAIN, WIZARD, Desk, field
from invite_svc.pages.sessions import hashed
from shared.crypto.invitation_links import Link
from shared.domain.rules import Refused
from shared.i18n.catalogs import N_
from shared.web.csrf import form_cookie_name, require_csrf, set_cookie

OPEN_FORM, ASK_FORM = "open", "ask"


class LinkPages:
    """Reached with the link alone: nothing here shows a code, and only a form's POST changes anything."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        cookie, answering = self._desk.pages.cookie, self._desk.answering
        opens, asks = ([Depends(require_csrf(form, cookie))] for form in (OPEN_FORM, ASK_FORM))
        add = router.add_api_route
        add("/", self.front, methods=["GET", "HEAD"], response_model=None)
        add("/i/{link}", answering(self.link), methods=["GET", "HEAD"], response_model=None)
        add(
            "/i/{link}/start",
            answering(self.start),
            methods=["POST"],
            response_model=None,
            dependencies=opens,
        )
        add("/i/{link}/ask", answering(self.ask), methods=["POST"], response_model=None, dependencies=asks)
        return router

    async def front(self, request: Request) -> Response:
        say = self._desk.say(request, None)
        return self._desk.pages.error(
            request,
            404,
            say(N_("Open the link in your invitation")),
            say(N_("This site is opened by the link in an invitation mail. There is nothing to sign in to here.")),
            say(N_("Open the newest invitation mail and use the button in it.")),
        )

    async def link(self, request: Request) -> Response:
        """Shows the invitation. Mail scanners may come here as often as they like."""
        link = self._read(request)
        if link is None:
            return await self._wrong_link(request)
        invitation = await self._desk.invitation(link.invitation_id)
        if "hx-request" in request.headers:  # the waiting page asks whether there is something to show
            return Response(status_code=204, headers={"HX-Refresh": "true"} if invitation else {})
        if invitation is None:
            return self._desk.show(request, "waiting.html", None)
        return self._shown(request, link, invitation)

    async def start(self, request: Request) -> Response:
        """The session begins in this browser."""
        link = self._read(request)
        if link is None:
            return await self._wrong_link(request)
        session = self._desk.session(request)
        begun = await self._desk.invitation(link.invitation_id)
        if begun and session and begun.session == session.hashed:
            return RedirectResponse(WIZARD, 303)
        return await self._begin(request, link, await field(request, "take_over") == "yes")

    async def _begin(self, request: Request, link: Link, take_over: bool) -> Response:
        desk = self._desk
        cookie = desk.sessions.begin(link.invitation_id, link.generation)
        before = request.cookies.get(form_cookie_name(desk.pages.cookie))
        browser = hashed(before) if before else None
        try:
            opened = (link.generation, hashed(cookie), browser, take_over)
            await desk.change(link.invitation_id, domain.open_link, *opened)
        except Refused:
            return await self.link(request)
        response = RedirectResponse(WIZARD, 303)
        set_cookie(response, desk.pages.cookie, cookie, desk.pages.secure)
        return response

    async def ask(self, request: Request) -> Response:
        """`Ask for a new invitation`: once an hour is enough, and that is not said."""
        link = self._read(request)
        if link is None:
            return await self._wrong_link(request)
        invitation = await self._desk.change(link.invitation_id, domain.ask_again)
        return self._desk.show(request, "asked.html", invitation)

    # --- what is shown ------------------------------------------------------------------------------------------

    def _shown(self, request: Request, link: Link, invitation: Invitation) -> Response:
        why = screens.ended(invitation, link.generation, self._desk.clock())
        if why is not None:
            ask_at = f"{request.url.path.removesuffix('/start')}/ask"
            return self._desk.show(request, "ended.html", invitation, status=410, why=why, ask_at=ask_at)
        session = self._desk.session(request)
        mine = session is not None and session.hashed == invitation.session
        before = request.cookies.get(form_cookie_name(self._desk.pages.cookie))
        same = mine or (before is not None and hashed(before) == invitation.browser)
        elsewhere = invitation.session is not None and not same
        start_at = f"{request.url.path.removesuffix('/start')}/start"
        return self._desk.show(
            request, "invitation.html", invitation, elsewhere=elsewhere, begun=same, start_at=start_at
        )

    def _read(self, request: Request) -> Link | None:
        return self._desk.links.read(request.path_params["link"])

    async def _wrong_link(self, request: Request) -> Response:
        """The same answer whatever is wrong with the link."""
        await self._desk.count(request, "wrong link", self._desk.settings.wrong_links_per_address)
        say = self._desk.say(request, None)
        return self._desk.pages.error(
            request,
            404,
            say(N_("This link is not valid")),
            say(N_("The address is not complete, or it is not one of ours.")),
            say(
                N_(
                    "Open the newest invitation mail and use the button in it, or copy the whole address. You cannot "
                    "find it? Ask who invited you."
                )
            ),
            **({"action_url": WIZARD, "action_label": say(AGAIN)} if self._desk.session(request) else {}),
        )
