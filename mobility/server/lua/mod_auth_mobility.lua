-- Authentication for `authentication = "mobility"`: passwords as ever, and what a user's
-- phone has delegated (mod_mobility_delegation).
--
-- Passwords are those of another provider (`mobility_auth_backend`, by default
-- internal_hashed), which is asked unchanged: accounts of before keep working. Added are
-- OAUTHBEARER (RFC 7628) and X-OAUTH2 for one-use tokens, and a look at the nonce of each
-- SCRAM login, since the user's phone may have announced it.

local jid = require "util.jid";
local nodeprep = require "util.encodings".stringprep.nodeprep;
local now = require "util.time".monotonic;
local sasl = require "util.sasl";

local longest = 120; -- seconds of an exchange; mod_mobility_delegation counts on it

module:depends("mobility_delegation");
local backend = module:get_option_string("mobility_auth_backend", "internal_hashed");
module:depends("auth_" .. backend);
local inner;
for _, item in ipairs(module:get_host_items("auth-provider")) do
	if item.name == backend then
		inner = item;
	end
end
assert(inner, "There is no authentication provider called " .. backend);

-- The account that an authorization identity names; nil where it names none, false where
-- it is none of ours. It is a bare JID, or with slixmpp and X-OAUTH2 only its node.
local function account(authzid)
	if not authzid or authzid == "" then
		return nil;
	end
	local node, domain = jid.prepped_split(authzid);
	if node then
		return domain == module.host and node;
	end
	return nodeprep(authzid) or false;
end

local function token_login(self, token, authzid)
	local username, enabled = self.profile.oauthbearer(self, token, self.realm, authzid);
	if not (username and enabled) then
		-- Not RFC 7628's challenge: there is nothing that the client could do then.
		return "failure", "not-authorized", "This token is not valid";
	end
	self.username = username;
	return "success";
end

local function x_oauth2(self, message)
	local authzid, token = (message or ""):match("^%z([^%z]*)%z([^%z]+)$");
	if not token then
		return "failure", "malformed-request";
	end
	return token_login(self, token, authzid);
end

local function oauthbearer(self, message)
	local authzid, pairs_ = (message or ""):match("^n,([^,]*),(\1.+)$");
	local token = pairs_ and pairs_:match("\1auth=[Bb]earer ([^\1]+)\1");
	if not token then
		return "failure", "malformed-request";
	end
	authzid = authzid:gsub("^a=", ""):gsub("=2C", ","):gsub("=3D", "=");
	return token_login(self, token, authzid);
end

-- For the whole process, and harmless to repeat. Prosody 13 has its own OAUTHBEARER.
sasl.registerMechanism("X-OAUTH2", { "oauthbearer" }, x_oauth2);
if not pcall(require, "util.sasl.oauthbearer") then
	sasl.registerMechanism("OAUTHBEARER", { "oauthbearer" }, oauthbearer);
end

local function redeem(self, token, _, authzid)
	local username = account(authzid);
	local delegation = username ~= false and module:fire_event("mobility/redeem", {
		token = token;
		username = username;
	}) or nil;
	if not (delegation and inner.user_exists(delegation.username)) then
		return nil;
	end
	self.mobility_delegation = delegation;
	self.resource = delegation.resource; -- what Prosody 13 binds
	return delegation.username, true, {};
end

-- Whether this SCRAM login may go on: not if its nonce was announced and is no longer
-- good, or a display could hold the phone's proof back until it is logged in unrestricted.
local function expected(self, seconds)
	local first = self.state and self.state.client_first_message_bare;
	local nonce = first and first:match(",r=([^,]*)");
	if not nonce then
		return true;
	end
	local found = module:fire_event("mobility/announced", {
		nonce = nonce;
		username = self.username;
	});
	self.mobility_delegation = found or nil;
	return found ~= false and seconds <= longest;
end

local function watched(handler)
	local process, clean_clone, begun = handler.process, handler.clean_clone, nil;
	function handler:process(message)
		begun = begun or now();
		local status, result, text = process(self, message);
		if status == "success" and not expected(self, now() - begun) then
			return "failure", "not-authorized", "This login is not expected any more";
		end
		return status, result, text;
	end
	function handler:clean_clone() -- what mod_saslauth goes on with after a failure
		return watched(clean_clone(self));
	end
	return handler;
end

local provider = {};
for name, value in pairs(inner) do -- a copy: usermanager gives each a metatable
	provider[name] = value;
end
provider.name = nil;

function provider.get_sasl_handler(session)
	local handler = inner.get_sasl_handler(session);
	local before = handler.profile.oauthbearer;
	function handler.profile.oauthbearer(self, token, realm, authzid)
		local username, enabled, info = redeem(self, token, realm, authzid);
		if not username and before then
			return before(self, token, realm, authzid);
		end
		return username, enabled, info;
	end
	-- The handler has read its mechanisms from the profile as it was.
	handler.mechs["OAUTHBEARER"], handler.mechs["X-OAUTH2"] = true, true;
	return watched(handler);
end

module:provides("auth", provider);
