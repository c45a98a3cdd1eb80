-- Gives resources of an account away for a while: by a one-use token, or by a SCRAM login
-- whose nonce the user's phone announces. docs/protocol/delegation.md
--
-- A delegation is a table in memory. It waits for its login, is attached to the session
-- that logs in (`session.mobility_delegation`, which survives stream resumption), and ends
-- with that session. Of a token its hash is kept. mod_mobility_restriction filters what
-- the session says and hears; this module decides who becomes one, and when it ends.

local hashes = require "util.hashes";
local id = require "util.id";
local jid = require "util.jid";
local now = require "util.time".monotonic; -- lifetimes do not follow the wall clock
local resourceprep = require "util.encodings".stringprep.resourceprep;
local st = require "util.stanza";

local xmlns = "urn:xmpp:tmp:mobility:delegation:0";
-- Seconds that a token or a nonce waits for its login.
local login_within = module:get_option_number("mobility_login_within", 60);
local exchange = 120; -- of mod_auth_mobility: a login may take so long
local bind_within = 30; -- seconds from the login to a resource, or to a resumption
local most = 16; -- delegations of an account
local most_participants, most_namespaces = 64, 32;
local longest_lifetime = module:get_option_number("mobility_longest_lifetime", 24 * 3600);

local delegations = {}; -- by id
local spent = {}; -- nonces that must not log in any more -> until when that matters

module:depends("mobility_restriction"); -- is unloaded with it: never one without the other
module:add_feature(xmlns);

local function sessions_of(username)
	local user = prosody.bare_sessions[username .. "@" .. module.host];
	return user and user.sessions or {};
end

local function find(matches)
	for _, delegation in pairs(delegations) do
		if matches(delegation) then
			return delegation;
		end
	end
end

---------- How one ends ----------

local function forget(delegation)
	if delegations[delegation.id] ~= delegation then
		return;
	end
	delegations[delegation.id] = nil;
	if delegation.nonce then
		-- Somebody may still hold a proof for it back (mod_auth_mobility: `expected`).
		spent[delegation.nonce] = now() + login_within + exchange;
	end
end

local function finish(delegation, condition, text)
	forget(delegation);
	module:log("info", "%s/%s: %s", delegation.username, delegation.resource, text);
	local session = delegation.session;
	if session and session.mobility_delegation == delegation and not session.destroyed then
		session:close {
			condition = condition;
			text = text;
			extra = st.stanza("ended", { xmlns = xmlns });
		};
	end
end

-- One timer a delegation: its end, or where that comes first the end of its silence.
local function watch(delegation)
	local function left()
		local silence = delegation.bound and delegation.heard + delegation.idle;
		return math.max(math.min(delegation.ends, silence or math.huge) - now(), 0.01);
	end
	if delegation.timer then
		delegation.timer:stop();
	end
	delegation.timer = module:add_timer(left(), function ()
		if delegations[delegation.id] ~= delegation then
			return nil;
		elseif delegation.ends <= now() then
			return finish(delegation, "policy-violation", "Its time is over");
		elseif delegation.bound and delegation.heard + delegation.idle <= now() then
			return finish(delegation, "connection-timeout", "It was silent for too long");
		end
		return left();
	end);
end

---------- How one begins ----------

local function seconds(text, longest)
	local value = tonumber(text);
	return value and value > 0 and value <= longest and value or nil;
end

-- Whom it may talk to, and with what namespaces beyond those for all; nil if it says
-- nothing proper. A message's body is never for the own account's other devices.
local function participants(element, username)
	local own, found, count = username .. "@" .. module.host, {}, 0;
	for child in element:childtags("participant", xmlns) do
		local address = jid.prep(child.attr.jid);
		if not address or address == module.host then
			return nil;
		end
		local namespaces, allowed = {}, 0;
		for allow in child:childtags("allow", xmlns) do
			namespaces[allow.attr.ns or ""], allowed = true, allowed + 1;
		end
		count = count + 1;
		if count > most_participants or allowed > most_namespaces or namespaces[""]
				or jid.bare(address) == own and namespaces["jabber:client"] then
			return nil;
		end
		found[address] = namespaces;
	end
	return found;
end

-- A delegation as it is asked for; nil and the condition of an error where it cannot be.
local function asked_for(username, element, level)
	local delegation = {
		id = id.short();
		username = username;
		level = level;
		resource = resourceprep(element.attr.resource or "");
		lifetime = seconds(element.attr.lifetime, longest_lifetime);
		idle = seconds(element.attr.idle, longest_lifetime);
		label = element.attr.label or "";
		participants = participants(element, username);
		since = now();
		heard = now();
		ends = now() + login_within;
	};
	if (delegation.resource or "") == "" or #delegation.label > 1024
			or not (delegation.lifetime and delegation.idle and delegation.participants) then
		return nil, "bad-request";
	end
	local count = 0;
	for _, other in pairs(delegations) do
		if other.username == username then
			count = count + 1;
			if other.resource == delegation.resource then
				return nil, "conflict";
			end
		end
	end
	if sessions_of(username)[delegation.resource] then
		return nil, "conflict";
	elseif count >= most then
		return nil, "resource-constraint";
	end
	return delegation;
end

local function begin(delegation)
	delegations[delegation.id] = delegation;
	watch(delegation);
end

-- To the own account only, and from its full sessions only: a display gives nothing away.
local function on(kind, name, answer)
	module:hook("iq-" .. kind .. "/self/" .. xmlns .. ":" .. name, function (event)
		local origin, stanza = event.origin, event.stanza;
		if not origin.username or origin.mobility_delegation then
			origin.send(st.error_reply(stanza, "auth", "forbidden"));
			return true;
		end
		local reply, condition = answer(origin.username, stanza.tags[1], st.reply(stanza));
		origin.send(reply or st.error_reply(stanza, "cancel", condition));
		return true;
	end);
end

on("set", "mint", function (username, element, reply)
	local delegation, condition = asked_for(username, element, "token");
	if not delegation then
		return nil, condition;
	end
	local token = id.long();
	delegation.hash = hashes.sha256(token);
	begin(delegation);
	return reply:tag("minted", { xmlns = xmlns, id = delegation.id }):text(token);
end);

on("set", "announce", function (username, element, reply)
	local nonce = element.attr.nonce or "";
	local delegation, condition = asked_for(username, element, "login");
	if not delegation then
		return nil, condition;
	elseif #nonce < 16 then
		return nil, "bad-request";
	end
	for old, matters in pairs(spent) do
		if matters <= now() then
			spent[old] = nil;
		end
	end
	if spent[nonce] or find(function (other) return other.nonce == nonce; end) then
		return nil, "conflict";
	end
	delegation.nonce = nonce;
	begin(delegation);
	return reply:tag("announced", { xmlns = xmlns, id = delegation.id });
end);

---------- Who logs in ----------

module:hook("mobility/redeem", function (event)
	local hash = hashes.sha256(event.token);
	local delegation = find(function (each) return each.hash == hash; end);
	if not delegation or event.username and event.username ~= delegation.username then
		return nil;
	elseif not delegation.redeemed then
		delegation.redeemed = true; -- whatever happens next
		return delegation;
	elseif delegation.session and delegation.session.resumption_token then
		return delegation; -- to resume that stream: binding is refused below
	end
end);

module:hook("mobility/announced", function (event)
	local function matches(each)
		return each.nonce == event.nonce and each.username == event.username;
	end
	local delegation = find(matches);
	if delegation and not delegation.redeemed then
		delegation.redeemed = true;
		return delegation;
	end
	-- An ordinary login's nonce is neither here nor there.
	return (delegation or spent[event.nonce]) and false;
end);

local function close_unbound(session, delegation, after)
	module:add_timer(after, function ()
		-- A session whose connection was resumed into another lost its mark below.
		if session.mobility_delegation == delegation and not session.full_jid then
			session:close { condition = "not-authorized", text = "No resource was bound" };
		end
	end);
end

module:hook("authentication-success", function (event)
	local session = event.session;
	local delegation = session.sasl_handler.mobility_delegation;
	if delegation then
		session.mobility_delegation = delegation;
		session.mobility_restricted = module:fire_event("mobility/restrict", {
			session = session;
			delegation = delegation;
		});
		close_unbound(session, delegation, bind_within);
	end
end, 10);

module:hook("pre-resource-bind", function (event)
	local session, delegation = event.session, event.session.mobility_delegation;
	if not delegation then
		return;
	end
	local asked = event.resource and resourceprep(event.resource);
	if delegations[delegation.id] ~= delegation
			or event.resource and asked ~= delegation.resource
			or sessions_of(delegation.username)[delegation.resource]
			or not session.mobility_restricted then
		event.error = { type = "cancel", condition = "not-allowed" };
		close_unbound(session, delegation, 0); -- slixmpp waits for ever otherwise
		return false;
	end
	event.resource = delegation.resource;
end, 10);

module:hook("resource-bind", function (event)
	local session, delegation = event.session, event.session.mobility_delegation;
	if delegation then
		delegation.bound, delegation.session = true, session;
		delegation.heard, delegation.ends = now(), now() + delegation.lifetime;
		watch(delegation);
	end
end);

module:hook("resource-unbind", function (event)
	local delegation = event.session.mobility_delegation;
	if delegation then
		forget(delegation);
	end
end);

-- XEP-0198: a delegated login resumes the stream of its own delegation and no other.
local function resume(session, stanza)
	local delegation = session.mobility_delegation;
	local bound = delegation and delegation.session;
	if not delegation or bound and bound.resumption_token
			and bound.resumption_token == stanza.attr.previd then
		return;
	end
	session.send(st.stanza("failed", { xmlns = stanza.attr.xmlns })
		:tag("item-not-found", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }));
	return true;
end
for _, version in ipairs { "2", "3" } do
	module:hook_tag("urn:xmpp:sm:" .. version, "resume", resume, 10);
end

module:hook("smacks-hibernation-end", function (event)
	event.origin.mobility_delegation = nil; -- its connection has another session now
end, -10);

---------- What the account's owner sees, and does about it ----------

local function state(delegation)
	if not delegation.bound then
		return "waiting";
	end
	return delegation.session.hibernating and "hibernating" or "connected";
end

local function rounded(value)
	return ("%.0f"):format(math.max(value, 0));
end

on("get", "delegations", function (username, _, reply)
	reply:tag("delegations", { xmlns = xmlns });
	for _, each in pairs(delegations) do
		if each.username == username then
			reply:tag("delegation", {
				id = each.id;
				resource = each.resource;
				level = each.level;
				label = each.label;
				state = state(each);
				since = rounded(now() - each.since);
				idle = rounded(now() - each.heard);
				expires = rounded(each.ends - now());
				address = each.session and each.session.ip;
			}):up();
		end
	end
	return reply;
end);

on("set", "revoke", function (username, element, reply)
	local delegation = delegations[element.attr.id or ""];
	if not delegation or delegation.username ~= username then
		return nil, "item-not-found";
	end
	finish(delegation, "not-authorized", "It was revoked");
	return reply;
end);

-- Live sessions are closed by the server then; tokens that wait would outlive it.
local function forget_user(event)
	if event.host == module.host then
		for _, each in pairs(delegations) do
			if each.username == event.username and not each.bound then
				forget(each);
			end
		end
	end
end
module:hook_global("user-password-changed", forget_user);
module:hook_global("user-deleted", forget_user);

---------- A reload of this module ends no visit, and lengthens none ----------

function module.save()
	return { delegations = delegations, spent = spent };
end

function module.restore(saved)
	delegations, spent = saved.delegations or delegations, saved.spent or spent;
	for _, delegation in pairs(delegations) do
		watch(delegation);
	end
end
