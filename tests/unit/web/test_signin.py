from services.common.errors import PosternError, Reason


async def test_signing_in_opens_the_inbox(browser):
    answer = await browser.sign_in()
    assert answer.status_code == 303
    assert answer.headers["location"] == "/mail/INBOX"
    page = await browser.follow()
    assert page.status_code == 200
    assert "Inbox" in page.text


async def test_cookie_is_httponly_and_lax(browser):
    answer = await browser.sign_in()
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("postern="))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie


async def test_wrong_password_says_so_and_keeps_the_address(browser):
    answer = await browser.sign_in(password="wrong")
    assert answer.status_code == 401
    assert "alice@example.org" in answer.text
    assert "does not know this address with this password" in answer.text
    assert "wrong" not in answer.text


async def test_mail_server_down_is_told(browser, fakes):
    fakes.auth.fail = PosternError(Reason.MAIL_SERVER_UNREACHABLE)
    answer = await browser.sign_in()
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


async def test_sign_in_form_of_another_browser_is_refused(browser):
    await browser.get("/sign-in")
    browser.http.cookies.clear()
    answer = await browser.post("/sign-in", {"email": "alice@example.org", "password": "alice"})
    assert answer.status_code == 403


async def test_pages_lead_to_signing_in_and_back(browser):
    answer = await browser.get("/mail/INBOX?page=3")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fmail%2FINBOX%3Fpage%3D3"
    await browser.follow()
    fields = {"email": "alice@example.org", "password": "alice", "next": browser.hidden("next")}
    answer = await browser.post("/sign-in", fields)
    assert answer.headers["location"] == "/mail/INBOX?page=3"


async def test_next_never_leads_elsewhere(browser):
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        await browser.get("/sign-in")
        fields = {"email": "alice@example.org", "password": "alice", "next": target}
        answer = await browser.post("/sign-in", fields)
        assert answer.headers["location"] == "/mail/INBOX"
        browser.http.cookies.clear()


async def test_sign_out_link_works_from_our_pages_only(alice, fakes):
    answer = await alice.get("/sign-out", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    assert answer.status_code == 200 and fakes.auth.sessions
    answer = await alice.post("/sign-out")
    assert answer.status_code == 303 and not fakes.auth.sessions
    assert (await alice.get("/mail/INBOX")).status_code == 303


async def test_tokens_are_fetched_once_and_renewed_before_they_end(alice, fakes):
    await alice.get("/mail/INBOX")
    await alice.get("/mail/INBOX")
    assert fakes.auth.grants == 1


async def test_tokens_about_to_end_are_not_used(browser, fakes):
    fakes.auth.seconds = 30
    await browser.sign_in()
    await browser.get("/mail/INBOX")
    await browser.get("/mail/INBOX")
    assert fakes.auth.grants == 2


async def test_session_that_ended_keeps_what_was_typed(alice, fakes):
    await alice.get("/compose")
    fakes.auth.sessions.clear()
    fields = {"to": "bob@example.org", "subject": "Kept", "body": "Every word", "do": "send"}
    secret = alice.http.cookies["postern"]
    alice.http.cookies.set("postern", secret + "-ended")
    answer = await alice.post("/compose", fields)
    assert answer.status_code == 401
    assert "Every word" in answer.text and not fakes.send.sent
    fields = {
        "email": "alice@example.org",
        "password": "alice",
        "kept": alice.hidden("kept"),
        "kept_for": alice.hidden("kept_for"),
    }
    alice.http.cookies.delete("postern")
    answer = await alice.post("/sign-in", fields)
    assert answer.status_code == 200
    assert "Every word" in answer.text and 'value="Kept"' in answer.text
    assert "nothing was sent yet" in answer.text and not fakes.send.sent
    again = {"to": "bob@example.org", "subject": "Kept", "body": "Every word", "do": "send"}
    answer = await alice.post("/compose", again)
    assert answer.status_code == 303
    assert [one.text for one in fakes.send.sent.values()] == ["Every word"]


async def test_a_form_from_elsewhere_is_refused(alice, fakes):
    await alice.get("/compose")
    token = alice.hidden("csrf")
    data = {"csrf": token, "to": "bob@example.org", "do": "send"}
    answer = await alice.http.post("/compose", data=data, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    answer = await alice.http.post("/compose", data=data, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    answer = await alice.http.post("/compose", data={**data, "csrf": "A" * 43})
    assert answer.status_code == 403
    assert not fakes.send.sent


async def test_over_a_page_whose_session_ended_the_form_says_so(browser):
    assert "what you typed is kept" in (await browser.get("/sign-in?ended=1")).text
    assert "what you typed is kept" not in (await browser.get("/sign-in")).text
