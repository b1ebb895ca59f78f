"""Microsoft's refusals as data: number, error, sentence, status, suberror, whether claims come along."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    code: str
    error: str
    text: str
    status: int = 400
    suberror: str = ""
    claims: bool = False

    @property
    def number(self) -> int | None:
        return int(self.code) if self.code.isdigit() else None


GRANT, CLIENT, REQUEST = "invalid_grant", "invalid_client", "invalid_request"
UNAUTHORIZED, BUSY, INTERACT = "unauthorized_client", "temporarily_unavailable", "interaction_required"

ROWS: tuple[Row, ...] = (
    # The device code itself.
    Row(
        code="70016",
        error="authorization_pending",
        text="OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    ),
    Row(code="slow_down", error="slow_down", text="OAuth 2.0 device flow error. The client polls too often."),
    Row(
        code="70017",
        error="authorization_declined",
        text="OAuth 2.0 device flow error. The user has denied the authorization request.",
    ),
    Row(code="70019", error="expired_token", text="Verification code expired. Have the user retry the sign-in."),
    Row(
        code="70020",
        error="expired_token",
        text="The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
    ),
    Row(
        code="70018",
        error="bad_verification_code",
        text="Invalid verification code due to User typing in wrong user code "
        "for device code flow. Authorization is not approved.",
    ),
    # The application.
    Row(
        code="7000218",
        error=CLIENT,
        text="The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        status=401,
    ),
    Row(
        code="700025",
        error=CLIENT,
        text="Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        status=401,
    ),
    Row(
        code="700016",
        error=UNAUTHORIZED,
        text="Application with identifier '{client}' was not found in the directory "
        "'{tenant}'. This can happen if the application has not been installed by the administrator of the "
        "tenant or consented to by any user in the tenant. You may have sent your authentication request to "
        "the wrong tenant.",
    ),
    Row(
        code="7000215",
        error=CLIENT,
        text="Invalid client secret provided. Ensure the secret being sent in the request is "
        "the client secret value, not the client secret ID, for a secret added to app '{client}'.",
        status=401,
    ),
    Row(
        code="7000222",
        error=CLIENT,
        text="The provided client secret keys for app '{client}' are expired. Visit the Azure "
        "portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using "
        "certificate credentials for added security: https://aka.ms/certCreds.",
        status=401,
    ),
    Row(code="7000112", error=UNAUTHORIZED, text="Application '{client}'({client}) is disabled."),
    Row(
        code="70001",
        error=UNAUTHORIZED,
        text="The application named {client} was not found in the tenant or is disabled.",
    ),
    Row(
        code="700027",
        error=CLIENT,
        text="The certificate with identifier used to sign the client assertion is not registered on application.",
        status=401,
    ),
    Row(
        code="700030",
        error=CLIENT,
        text="Invalid certificate - subject name in certificate is not authorized.",
        status=401,
    ),
    Row(code="50027", error=CLIENT, text="JWT token is invalid or malformed.", status=401),
    Row(
        code="50011",
        error=REQUEST,
        text="The redirect URI '{redirect}' specified in the request does not match the "
        "redirect URIs configured for the application '{client}'. Make sure the redirect URI sent in the "
        "request matches one added to your application in the Azure portal. Navigate to "
        "https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.",
    ),
    Row(
        code="500112",
        error=CLIENT,
        text="The reply address '{redirect}' does not match the reply address '{expected}' "
        "provided when requesting Authorization code.",
        status=401,
    ),
    Row(
        code="501481",
        error=GRANT,
        text="The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    Row(
        code="54005",
        error=GRANT,
        text="OAuth2 Authorization code was already redeemed, please retry with a new valid code "
        "or use an existing refresh token.",
    ),
    Row(
        code="70008",
        error=GRANT,
        text="The provided authorization code or refresh token has expired due to inactivity. "
        "Send a new interactive authorization request for this user and resource.",
    ),
    Row(
        code="70011",
        error="invalid_scope",
        text="The provided request must include a 'scope' input parameter. The provided "
        "value for the input parameter 'scope' is not valid. The scope {scope} is not valid.",
    ),
    Row(
        code="500011",
        error="invalid_resource",
        text="The resource principal named {scope} was not found in the tenant "
        "named {tenant}. This can happen if the application has not been installed by the administrator of "
        "the tenant.",
    ),
    Row(
        code="650057",
        error="invalid_resource",
        text="Invalid resource. The client has requested access to a resource which "
        "is not listed in the requested permissions in the client's application registration.",
    ),
    Row(code="900144", error=REQUEST, text="The request body must contain the following parameter: '{parameter}'."),
    Row(code="9002313", error=REQUEST, text="Invalid request. Request is malformed or invalid."),
    Row(
        code="70003", error="unsupported_grant_type", text="The app requested an unsupported grant type '{parameter}'."
    ),
    # The tenant and the account.
    Row(
        code="90002",
        error="invalid_tenant",
        text="Tenant '{tenant}' not found. Check to make sure you have the correct "
        "tenant ID and are signing into the correct cloud. Check with your subscription administrator, this "
        "may happen if there are no active subscriptions for the tenant.",
    ),
    Row(
        code="50059",
        error=REQUEST,
        text="No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    Row(
        code="50194",
        error=REQUEST,
        text="Application '{client}' is not configured as a multi-tenant application. Usage of "
        "the /common endpoint is not supported for such apps created after '10/15/2018'. Use a "
        "tenant-specific endpoint or configure the application to be multi-tenant.",
    ),
    Row(
        code="9002332",
        error=REQUEST,
        text="Application '{client}' is configured for use by Azure Active Directory users "
        "only. Please do not use the /consumers endpoint to serve this request.",
    ),
    Row(code="500208", error=GRANT, text="The domain is not a valid login domain for the account type."),
    Row(
        code="50020",
        error=GRANT,
        text="User account '{account}' from identity provider 'https://sts.windows.net/{home}/' "
        "does not exist in tenant '{tenant}' and cannot access the application '{client}' in that tenant. "
        "The account needs to be added as an external user in the tenant first. Sign out and sign in again "
        "with a different Azure Active Directory user account.",
    ),
    Row(
        code="50034",
        error=GRANT,
        text="The user account {account} does not exist in the {tenant} directory. To sign into "
        "this application, the account must be added to the directory.",
    ),
    Row(
        code="16000",
        error=INTERACT,
        text="Either multiple user identities are available for the current request or "
        "selected account is not supported for the scenario.",
    ),
    Row(
        code="90072",
        error=GRANT,
        text="User account '{account}' from identity provider does not exist in tenant '{tenant}' "
        "and cannot access the application '{client}' in that tenant.",
    ),
    Row(
        code="51004",
        error=GRANT,
        text="The user account {account} does not exist in the {tenant} directory. To sign into "
        "this application, the account must be added to the directory.",
    ),
    Row(code="50057", error=GRANT, text="The user account is disabled."),
    Row(
        code="50053",
        error=GRANT,
        text="The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
    ),
    Row(code="50126", error=GRANT, text="Error validating credentials due to invalid username or password."),
    Row(code="50055", error=GRANT, text="The password is expired."),
    Row(code="50058", error="login_required", text="A silent sign-in request was sent but no user is signed in."),
    Row(code="500121", error=GRANT, text="Authentication failed during strong authentication request."),
    Row(
        code="50105",
        error=GRANT,
        text="Your administrator has configured the application ('{client}') to block users "
        "unless they are specifically granted ('assigned') access to the application. The signed in user "
        "'{account}' is blocked because they are not a direct member of a group with access, nor had access "
        "directly assigned by an administrator.",
    ),
    # Consent.
    Row(
        code="65001",
        error=GRANT,
        text="The user or administrator has not consented to use the application with ID "
        "'{client}'. Send an interactive authorization request for this user and "
        "resource.",
        suberror="consent_required",
    ),
    Row(
        code="90094",
        error="consent_required",
        text="An administrator of {tenant} has set a policy that prevents you from "
        "granting the application the permissions it is requesting. Contact an administrator of {tenant} who "
        "can grant permissions to this application on your behalf.",
    ),
    Row(
        code="90095",
        error="consent_required",
        text="Admin consent is required for the permissions requested by this "
        "application. An admin consent request may be sent to the admin.",
    ),
    Row(code="65004", error="access_denied", text="User declined to consent to access the app."),
    # Policies.
    Row(
        code="50076",
        error=GRANT,
        text="Due to a configuration change made by your administrator, or because you moved to a "
        "new location, you must use multi-factor authentication to access "
        "'00000003-0000-0000-c000-000000000000'.",
        suberror="basic_action",
        claims=True,
    ),
    Row(
        code="50078",
        error=GRANT,
        text="Presented multi-factor authentication has expired due to policies configured by "
        "your administrator, you must refresh your multi-factor authentication to access "
        "'00000003-0000-0000-c000-000000000000'.",
        suberror="basic_action",
        claims=True,
    ),
    Row(code="50074", error=GRANT, text="Strong Authentication is required.", suberror="basic_action", claims=True),
    Row(
        code="50079",
        error=GRANT,
        text="Due to a configuration change made by your administrator, or because you moved to a "
        "new location, you must enroll in multi-factor authentication to access "
        "'00000003-0000-0000-c000-000000000000'.",
        suberror="basic_action",
        claims=True,
    ),
    Row(
        code="50072",
        error=GRANT,
        text="Due to a configuration change made by your administrator, or because you moved to a "
        "new location, you must enroll in multi-factor authentication to access "
        "'00000003-0000-0000-c000-000000000000'.",
        suberror="basic_action",
        claims=True,
    ),
    Row(
        code="53004",
        error=GRANT,
        text="User needs to complete the multi-factor authentication registration process before accessing this "
        "content.",
        suberror="message_only",
        claims=True,
    ),
    Row(
        code="53010",
        error=GRANT,
        text="Cannot configure multi-factor authentication methods because the organization "
        "requires this information to be set from specific locations or devices.",
        suberror="message_only",
    ),
    Row(
        code="53003",
        error=GRANT,
        text="Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        suberror="message_only",
        claims=True,
    ),
    Row(
        code="530035",
        error=GRANT,
        text="Access has been blocked by security defaults. This is due to the request using "
        "legacy auth or being deemed unsafe by security defaults policies.",
        suberror="message_only",
    ),
    Row(
        code="530036",
        error=GRANT,
        text="The refresh token was obtained by a device code flow, which is blocked by policies "
        "of the organization. Sign in again by another flow.",
        suberror="bad_token",
    ),
    Row(
        code="530032",
        error=GRANT,
        text="Access has been blocked by security policy configured by your organization.",
        suberror="message_only",
    ),
    Row(
        code="530084",
        error=GRANT,
        text="Access has been blocked by conditional access token protection policy configured by your organization.",
        suberror="message_only",
    ),
    Row(
        code="53000",
        error=GRANT,
        text="Device is not in required device state: compliant. Conditional Access policy "
        "requires a compliant device, and the device is not "
        "compliant.",
        suberror="message_only",
        claims=True,
    ),
    Row(
        code="53001",
        error=GRANT,
        text="Device is not in required device state: domain_joined. Conditional Access policy "
        "requires a domain joined device, and the device is not domain "
        "joined.",
        suberror="message_only",
        claims=True,
    ),
    Row(
        code="50097", error=GRANT, text="Device authentication is required.", suberror="additional_action", claims=True
    ),
    Row(
        code="50129",
        error=GRANT,
        text="Device is not workplace joined. Workplace join is required to register the device.",
        suberror="message_only",
    ),
    # Refresh tokens.
    Row(
        code="700082",
        error=GRANT,
        text="The refresh token has expired due to inactivity. The token was issued on {issued} "
        "and was inactive for 90.00:00:00.",
        suberror="token_expired",
    ),
    Row(
        code="50173",
        error=GRANT,
        text="The provided grant has expired due to it being revoked, a fresh auth token is "
        "needed. The user might have changed or reset their password. The grant was issued on '{issued}' and "
        "the TokensValidFrom date (before which tokens are not valid) for this user is "
        "'{valid_from}'.",
        suberror="bad_token",
    ),
    Row(
        code="50132",
        error=GRANT,
        text="The session is not valid due to password expiration or recent password change.",
        suberror="bad_token",
    ),
    Row(
        code="50133",
        error=GRANT,
        text="The session is not valid due to password expiration or recent password change.",
        suberror="bad_token",
    ),
    Row(
        code="70043",
        error=GRANT,
        text="The refresh token has expired or is invalid due to sign-in frequency checks by "
        "conditional access. The token was issued on {issued} and the maximum allowed lifetime for this "
        "request is 3600.",
        suberror="token_expired",
    ),
    Row(code="70000", error=GRANT, text="Provided grant is invalid or malformed.", suberror="bad_token"),
    # Busy or broken.
    Row(
        code="50196",
        error=GRANT,
        text="The server terminated an operation because it encountered a client request loop. "
        "Please contact your app vendor.",
    ),
    Row(code="90055", error=BUSY, text="TenantThrottlingError - There are too many incoming requests.", status=429),
    Row(code="90033", error=BUSY, text="A transient error has occurred. Please try again.", status=503),
    Row(
        code="90024",
        error=BUSY,
        text="RequestBudgetExceededError - A transient error has occurred. Please try again.",
        status=503,
    ),
    Row(
        code="90006",
        error="server_error",
        text="The service is temporarily unavailable. Please retry later.",
        status=500,
    ),
    Row(
        code="50033",
        error=BUSY,
        text="RetryableError - a transient error, not related to the database operations.",
        status=503,
    ),
    Row(code="50087", error=BUSY, text="A transient error has occurred. Please try again.", status=503),
)
TABLE: dict[str, Row] = {row.code: row for row in ROWS}
# What a test or a person may also call them.
ALIASES = {
    "throttle": "90055",
    "outage": "90033",
    "authorization_declined": "70017",
    "expired_token": "70020",
}


def row(code: str) -> Row | None:
    return TABLE.get(ALIASES.get(code, code))
