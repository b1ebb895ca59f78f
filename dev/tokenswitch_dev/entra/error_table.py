"""Microsoft's refusals as data: number, error, sentence, status, suberror, whether claims come along."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
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
    Row("70016", "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    Row("slow_down", "slow_down", "OAuth 2.0 device flow error. The client polls too often."),
    Row(
        "70017", "authorization_declined", "OAuth 2.0 device flow error. The user has denied the authorization request."
    ),
    Row("70019", "expired_token", "Verification code expired. Have the user retry the sign-in."),
    Row(
        "70020",
        "expired_token",
        "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
    ),
    Row(
        "70018",
        "bad_verification_code",
        "Invalid verification code due to User typing in wrong user code "
        "for device code flow. Authorization is not approved.",
    ),
    # The application.
    Row(
        "7000218",
        CLIENT,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        401,
    ),
    Row(
        "700025", CLIENT, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.", 401
    ),
    Row(
        "700016",
        UNAUTHORIZED,
        "Application with identifier '{client}' was not found in the directory "
        "'{tenant}'. This can happen if the application has not been installed by the administrator of the "
        "tenant or consented to by any user in the tenant. You may have sent your authentication request to "
        "the wrong tenant.",
    ),
    Row(
        "7000215",
        CLIENT,
        "Invalid client secret provided. Ensure the secret being sent in the request is "
        "the client secret value, not the client secret ID, for a secret added to app '{client}'.",
        401,
    ),
    Row(
        "7000222",
        CLIENT,
        "The provided client secret keys for app '{client}' are expired. Visit the Azure "
        "portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using "
        "certificate credentials for added security: https://aka.ms/certCreds.",
        401,
    ),
    Row("7000112", UNAUTHORIZED, "Application '{client}'({client}) is disabled."),
    Row("70001", UNAUTHORIZED, "The application named {client} was not found in the tenant or is disabled."),
    Row(
        "700027",
        CLIENT,
        "The certificate with identifier used to sign the client assertion is not registered on application.",
        401,
    ),
    Row("700030", CLIENT, "Invalid certificate - subject name in certificate is not authorized.", 401),
    Row("50027", CLIENT, "JWT token is invalid or malformed.", 401),
    Row(
        "50011",
        REQUEST,
        "The redirect URI '{redirect}' specified in the request does not match the "
        "redirect URIs configured for the application '{client}'. Make sure the redirect URI sent in the "
        "request matches one added to your application in the Azure portal. Navigate to "
        "https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.",
    ),
    Row(
        "500112",
        CLIENT,
        "The reply address '{redirect}' does not match the reply address '{expected}' "
        "provided when requesting Authorization code.",
        401,
    ),
    Row("501481", GRANT, "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    Row(
        "54005",
        GRANT,
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code "
        "or use an existing refresh token.",
    ),
    Row(
        "70008",
        GRANT,
        "The provided authorization code or refresh token has expired due to inactivity. "
        "Send a new interactive authorization request for this user and resource.",
    ),
    Row(
        "70011",
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided "
        "value for the input parameter 'scope' is not valid. The scope {scope} is not valid.",
    ),
    Row(
        "500011",
        "invalid_resource",
        "The resource principal named {scope} was not found in the tenant "
        "named {tenant}. This can happen if the application has not been installed by the administrator of "
        "the tenant.",
    ),
    Row(
        "650057",
        "invalid_resource",
        "Invalid resource. The client has requested access to a resource which "
        "is not listed in the requested permissions in the client's application registration.",
    ),
    Row("900144", REQUEST, "The request body must contain the following parameter: '{parameter}'."),
    Row("9002313", REQUEST, "Invalid request. Request is malformed or invalid."),
    Row("70003", "unsupported_grant_type", "The app requested an unsupported grant type '{parameter}'."),
    # The tenant and the account.
    Row(
        "90002",
        "invalid_tenant",
        "Tenant '{tenant}' not found. Check to make sure you have the correct "
        "tenant ID and are signing into the correct cloud. Check with your subscription administrator, this "
        "may happen if there are no active subscriptions for the tenant.",
    ),
    Row(
        "50059",
        REQUEST,
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    Row(
        "50194",
        REQUEST,
        "Application '{client}' is not configured as a multi-tenant application. Usage of "
        "the /common endpoint is not supported for such apps created after '10/15/2018'. Use a "
        "tenant-specific endpoint or configure the application to be multi-tenant.",
    ),
    Row(
        "9002332",
        REQUEST,
        "Application '{client}' is configured for use by Azure Active Directory users "
        "only. Please do not use the /consumers endpoint to serve this request.",
    ),
    Row("500208", GRANT, "The domain is not a valid login domain for the account type."),
    Row(
        "50020",
        GRANT,
        "User account '{account}' from identity provider 'https://sts.windows.net/{home}/' "
        "does not exist in tenant '{tenant}' and cannot access the application '{client}' in that tenant. "
        "The account needs to be added as an external user in the tenant first. Sign out and sign in again "
        "with a different Azure Active Directory user account.",
    ),
    Row(
        "50034",
        GRANT,
        "The user account {account} does not exist in the {tenant} directory. To sign into "
        "this application, the account must be added to the directory.",
    ),
    Row(
        "16000",
        INTERACT,
        "Either multiple user identities are available for the current request or "
        "selected account is not supported for the scenario.",
    ),
    Row(
        "90072",
        GRANT,
        "User account '{account}' from identity provider does not exist in tenant '{tenant}' "
        "and cannot access the application '{client}' in that tenant.",
    ),
    Row(
        "51004",
        GRANT,
        "The user account {account} does not exist in the {tenant} directory. To sign into "
        "this application, the account must be added to the directory.",
    ),
    Row("50057", GRANT, "The user account is disabled."),
    Row(
        "50053",
        GRANT,
        "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
    ),
    Row("50126", GRANT, "Error validating credentials due to invalid username or password."),
    Row("50055", GRANT, "The password is expired."),
    Row("50058", "login_required", "A silent sign-in request was sent but no user is signed in."),
    Row("500121", GRANT, "Authentication failed during strong authentication request."),
    Row(
        "50105",
        GRANT,
        "Your administrator has configured the application ('{client}') to block users "
        "unless they are specifically granted ('assigned') access to the application. The signed in user "
        "'{account}' is blocked because they are not a direct member of a group with access, nor had access "
        "directly assigned by an administrator.",
    ),
    # Consent.
    Row(
        "65001",
        GRANT,
        "The user or administrator has not consented to use the application with ID "
        "'{client}'. Send an interactive authorization request for this user and "
        "resource.",
        suberror="consent_required",
    ),
    Row(
        "90094",
        "consent_required",
        "An administrator of {tenant} has set a policy that prevents you from "
        "granting the application the permissions it is requesting. Contact an administrator of {tenant} who "
        "can grant permissions to this application on your behalf.",
    ),
    Row(
        "90095",
        "consent_required",
        "Admin consent is required for the permissions requested by this "
        "application. An admin consent request may be sent to the admin.",
    ),
    Row("65004", "access_denied", "User declined to consent to access the app."),
    # Policies.
    Row(
        "50076",
        GRANT,
        "Due to a configuration change made by your administrator, or because you moved to a "
        "new location, you must use multi-factor authentication to access "
        "'00000003-0000-0000-c000-000000000000'.",
        suberror="basic_action",
        claims=True,
    ),
    Row(
        "50078",
        GRANT,
        "Presented multi-factor authentication has expired due to policies configured by "
        "your administrator, you must refresh your multi-factor authentication to access "
        "'00000003-0000-0000-c000-000000000000'.",
        suberror="basic_action",
        claims=True,
    ),
    Row("50074", GRANT, "Strong Authentication is required.", suberror="basic_action", claims=True),
    Row(
        "50079",
        GRANT,
        "Due to a configuration change made by your administrator, or because you moved to a "
        "new location, you must enroll in multi-factor authentication to access "
        "'00000003-0000-0000-c000-000000000000'.",
        suberror="basic_action",
        claims=True,
    ),
    Row(
        "50072",
        GRANT,
        "Due to a configuration change made by your administrator, or because you moved to a "
        "new location, you must enroll in multi-factor authentication to access "
        "'00000003-0000-0000-c000-000000000000'.",
        suberror="basic_action",
        claims=True,
    ),
    Row(
        "53004",
        GRANT,
        "User needs to complete the multi-factor authentication registration process before accessing this content.",
        suberror="message_only",
        claims=True,
    ),
    Row(
        "53010",
        GRANT,
        "Cannot configure multi-factor authentication methods because the organization "
        "requires this information to be set from specific locations or devices.",
        suberror="message_only",
    ),
    Row(
        "53003",
        GRANT,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        suberror="message_only",
        claims=True,
    ),
    Row(
        "530035",
        GRANT,
        "Access has been blocked by security defaults. This is due to the request using "
        "legacy auth or being deemed unsafe by security defaults policies.",
        suberror="message_only",
    ),
    Row(
        "530036",
        GRANT,
        "The refresh token was obtained by a device code flow, which is blocked by policies "
        "of the organization. Sign in again by another flow.",
        suberror="bad_token",
    ),
    Row(
        "530032",
        GRANT,
        "Access has been blocked by security policy configured by your organization.",
        suberror="message_only",
    ),
    Row(
        "530084",
        GRANT,
        "Access has been blocked by conditional access token protection policy configured by your organization.",
        suberror="message_only",
    ),
    Row(
        "53000",
        GRANT,
        "Device is not in required device state: compliant. Conditional Access policy "
        "requires a compliant device, and the device is not "
        "compliant.",
        suberror="message_only",
        claims=True,
    ),
    Row(
        "53001",
        GRANT,
        "Device is not in required device state: domain_joined. Conditional Access policy "
        "requires a domain joined device, and the device is not domain "
        "joined.",
        suberror="message_only",
        claims=True,
    ),
    Row("50097", GRANT, "Device authentication is required.", suberror="additional_action", claims=True),
    Row(
        "50129",
        GRANT,
        "Device is not workplace joined. Workplace join is required to register the device.",
        suberror="message_only",
    ),
    # Refresh tokens.
    Row(
        "700082",
        GRANT,
        "The refresh token has expired due to inactivity. The token was issued on {issued} "
        "and was inactive for 90.00:00:00.",
        suberror="token_expired",
    ),
    Row(
        "50173",
        GRANT,
        "The provided grant has expired due to it being revoked, a fresh auth token is "
        "needed. The user might have changed or reset their password. The grant was issued on '{issued}' and "
        "the TokensValidFrom date (before which tokens are not valid) for this user is "
        "'{valid_from}'.",
        suberror="bad_token",
    ),
    Row(
        "50132",
        GRANT,
        "The session is not valid due to password expiration or recent password change.",
        suberror="bad_token",
    ),
    Row(
        "50133",
        GRANT,
        "The session is not valid due to password expiration or recent password change.",
        suberror="bad_token",
    ),
    Row(
        "70043",
        GRANT,
        "The refresh token has expired or is invalid due to sign-in frequency checks by "
        "conditional access. The token was issued on {issued} and the maximum allowed lifetime for this "
        "request is 3600.",
        suberror="token_expired",
    ),
    Row("70000", GRANT, "Provided grant is invalid or malformed.", suberror="bad_token"),
    # Busy or broken.
    Row(
        "50196",
        GRANT,
        "The server terminated an operation because it encountered a client request loop. "
        "Please contact your app vendor.",
    ),
    Row("90055", BUSY, "TenantThrottlingError - There are too many incoming requests.", 429),
    Row("90033", BUSY, "A transient error has occurred. Please try again.", 503),
    Row("90024", BUSY, "RequestBudgetExceededError - A transient error has occurred. Please try again.", 503),
    Row("90006", "server_error", "The service is temporarily unavailable. Please retry later.", 500),
    Row("50033", BUSY, "RetryableError - a transient error, not related to the database operations.", 503),
    Row("50087", BUSY, "A transient error has occurred. Please try again.", 503),
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
