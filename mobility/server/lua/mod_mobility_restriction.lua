-- Holds a delegated session to what its user allowed: named participants, and with each
-- the payloads of a visit. Whatever is not named here is refused, both ways.
--
-- The filters stand right behind the parser (after mod_smacks has counted, before anything
-- acts) and right before the queue of what is sent. They know nothing of the session but
-- its delegation, which it cannot change.

local filters = require "util.filters";
local jid = require "util.jid";
local now = require "util.time".monotonic;
local st = require "util.stanza";

local function set(names)
	local found = {};
	for _, name in ipairs(names) do
		found[name] = true;
	end
	return found;
end

local disco_info = "http://jabber.org/protocol/disco#info";
local disco_items = "http://jabber.org/protocol/disco#items";
local bytestreams = "http://jabber.org/protocol/bytestreams";
local ping = "urn:xmpp:ping";
local plain = "jabber:client"; -- a message's body, subject and thread
local session_ns = "urn:xmpp:tmp:mobility:session:0";

-- With each participant.
local always = set {
	disco_info; ping; bytestreams;
	"http://jabber.org/protocol/ibb";
	"urn:xmpp:tmp:mobility:visit:0"; "urn:xmpp:tmp:mobility:login:0";
	"urn:xmpp:tmp:mobility:transfer:0"; session_ns; "urn:xmpp:tmp:mobility:split:0";
};
-- Says something about the payload beside it, and nothing by itself.
local beside = set {
	"urn:xmpp:delay"; "urn:xmpp:hints"; "urn:xmpp:sid:0"; "urn:xmpp:occupant-id:0";
	"http://jabber.org/protocol/caps";
};
-- Beside <session/> in a message there is a packet of an app, in any namespace but these
-- (docs/protocol/session.md), so nothing that a server or another client acts upon.
local reserved = {
	"jabber:"; "urn:xmpp:"; "urn:ietf:params:xml:ns:xmpp"; "http://jabber.org/";
	"http://etherx.jabber.org/"; "storage:"; "vcard-temp";
};
local muc = "http://jabber.org/protocol/muc";
-- With the server itself, and with its components by the module that they run.
local of_server = set { disco_info; disco_items; ping; };
local of_component = {
	proxy65 = set { disco_info; ping; bytestreams; };
	http_file_share = set {
		disco_info; ping; "urn:xmpp:http:upload:0"; "urn:xmpp:tmp:mobility:upload:0";
	};
};
local bind = "urn:ietf:params:xml:ns:xmpp-bind";
-- What it withholds from itself by mod_sift is withheld besides: it never gets more so.
local of_account = set { "urn:ietf:params:xml:ns:xmpp-session"; ping; "urn:xmpp:sift:2"; };
local resumption = set { "urn:xmpp:sm:2"; "urn:xmpp:sm:3"; };

local function is_stanza(element)
	local xmlns = element.attr.xmlns; -- BOSH and WebSocket may leave it there
	return (xmlns == nil or xmlns == plain)
		and (element.name == "iq" or element.name == "message" or element.name == "presence");
end

local function namespace(element)
	return element.attr.xmlns or plain;
end

---------- Who ----------

local function is_account(delegation, address)
	return jid.bare(address) == delegation.username .. "@" .. module.host;
end

-- The namespaces that a participant is allowed beyond those for all; nil if it is none.
local function granted(delegation, address)
	local own = is_account(delegation, address);
	local other = own and prosody.full_sessions[address];
	if other and other.mobility_delegation and other.mobility_delegation ~= delegation then
		return delegation.participants[address]; -- the account means the user's own devices
	end
	return delegation.participants[address] or delegation.participants[jid.bare(address)];
end

local function of_service(address)
	local component = prosody.hosts[address];
	if not component or address:sub(-#module.host - 1) ~= "." .. module.host then
		return nil;
	end
	for name, allowed in pairs(of_component) do
		if component.modules and component.modules[name] then
			return allowed;
		end
	end
end

---------- What ----------

local function may_carry(element, granted_to)
	local xmlns = namespace(element);
	return always[xmlns] or beside[xmlns] or granted_to[xmlns];
end

local function is_packet(stanza, child)
	for _, prefix in ipairs(reserved) do
		if namespace(child):sub(1, #prefix) == prefix then
			return false;
		end
	end
	return stanza.name == "message" and stanza:get_child("session", session_ns);
end

local function is_error(stanza, child)
	return stanza.attr.type == "error" and child.name == "error" and namespace(child) == plain;
end

local function may(stanza, child, granted_to)
	return may_carry(child, granted_to) or is_packet(stanza, child) or is_error(stanza, child);
end

local function all_may(stanza, granted_to)
	for _, child in ipairs(stanza.tags) do
		if not may(stanza, child, granted_to) then
			return false;
		end
	end
	return true;
end

-- Presence has its status and priority there.
local function with_plain(granted_to)
	return setmetatable({ [plain] = true }, { __index = granted_to });
end

local function is_request(iq)
	return iq.attr.type == "get" or iq.attr.type == "set";
end

-- A request to the server itself: the one payload is allowed, and asks about no node, so
-- not for ad-hoc commands (XEP-0050).
local function may_ask(iq, allowed)
	local child = iq.tags[1];
	return child and #iq.tags == 1 and allowed[namespace(child)] and not child.attr.node;
end

local function may_send_iq(delegation, iq, to)
	local granted_to = granted(delegation, to);
	if not is_request(iq) and iq.attr.type ~= "result" and iq.attr.type ~= "error" then
		return false;
	elseif is_account(delegation, to) and not jid.resource(to) then
		return is_request(iq) and may_ask(iq, of_account) or #iq.tags == 0;
	elseif to == module.host then
		return iq.attr.type == "get" and may_ask(iq, of_server) or #iq.tags == 0;
	elseif granted_to then
		return all_may(iq, granted_to);
	end
	local service = of_service(to);
	return service and (is_request(iq) and may_ask(iq, service) or #iq.tags == 0);
end

local function may_send_message(delegation, message, to)
	local granted_to, kind = granted(delegation, to), message.attr.type;
	if kind == "error" or not granted_to or not all_may(message, granted_to) then
		return false; -- a server archives an error, whatever somebody made up in it
	elseif is_account(delegation, to) then
		-- To one device. A headline is for who is there: the server gives it to no other
		-- device, copies it to none, and stores it nowhere (RFC 6121, section 8.5.3.2).
		return jid.resource(to) and kind == "headline";
	end
	return true;
end

-- Directed only, so never what makes this session available: with that the server would
-- send it stored messages, and lose them to the user.
local function may_send_presence(delegation, presence, to)
	local granted_to, kind = granted(delegation, to), presence.attr.type;
	return granted_to and not is_account(delegation, to)
		and (kind == nil or kind == "unavailable")
		and all_may(presence, with_plain(granted_to));
end

local may_send = {
	iq = may_send_iq; message = may_send_message; presence = may_send_presence;
};

---------- From the session ----------

local answers = setmetatable({}, { __mode = "k" }); -- of our own: they pass

-- Its connection may be another's by now: what resumed a stream has lost the mark.
local function is_unbound(session)
	return session.mobility_delegation and not session.full_jid;
end

-- The display is there, but nobody need be in front of it.
local function is_sign_of_life(stanza, to)
	return to == module.host or stanza.tags[1] and namespace(stanza.tags[1]) == ping;
end

local function wants_answer(stanza)
	return stanza.name == "iq" and is_request(stanza)
		or stanza.name == "message" and stanza.attr.type ~= "error";
end

local function refuse(session, stanza)
	if wants_answer(stanza) then
		local answer = st.error_reply(stanza, "auth", "forbidden", "Not for a delegated login");
		answers[answer] = true;
		session.send(answer);
	end
end

local function from_session(delegation, stanza, session)
	if not is_stanza(stanza) then
		return resumption[namespace(stanza)] and stanza or nil;
	elseif is_unbound(session) then
		local child = stanza.tags[1];
		return child and namespace(child) == bind and stanza or nil;
	end
	local own = delegation.username .. "@" .. module.host;
	local to = stanza.attr.to == nil and own or jid.prep(stanza.attr.to);
	if not to or not may_send[stanza.name](delegation, stanza, to) then
		module:log("debug", "%s: refused %s to %s", delegation.id, stanza.name, to);
		refuse(delegation.session, stanza);
		return nil;
	end
	if not is_sign_of_life(stanza, to) then
		delegation.heard = now();
	end
	return stanza;
end

---------- To the session ----------

-- A room says who is there in a namespace of its own, in which others are also invited:
-- so it is for hearing only.
local function with_answers(granted_to)
	return setmetatable({ [muc .. "#user"] = granted_to[muc] }, { __index = granted_to });
end

local function without(stanza, granted_to)
	if all_may(stanza, granted_to) then
		return stanza;
	end
	return st.clone(stanza):maptags(function (child) -- it may be for others as well
		return may(stanza, child, granted_to) and child or nil;
	end);
end

local function heard_iq(delegation, iq, from)
	local granted_to = granted(delegation, from);
	if not is_request(iq) then
		local server = from == module.host or is_account(delegation, from) or of_service(from);
		return (server or granted_to) and iq;
	elseif from == module.host then
		return may_ask(iq, { [ping] = true }) and iq;
	elseif is_account(delegation, from) and not jid.resource(from) then
		return nil; -- the account's own pushes, as of the roster
	end
	return granted_to and all_may(iq, granted_to) and iq;
end

local function heard_message(delegation, message, from, me)
	local granted_to = granted(delegation, from);
	if message.attr.to ~= me or not granted_to then
		return nil;
	elseif is_account(delegation, from) and not jid.resource(from) then
		return nil; -- the account's own: carbons, events, archives
	end
	local found = without(message, with_answers(granted_to));
	for _, child in ipairs(found.tags) do
		if not beside[namespace(child)] then
			return found;
		end
	end
	return nil;
end

local function heard_presence(delegation, presence, from)
	local granted_to, kind = granted(delegation, from), presence.attr.type;
	if not granted_to or is_account(delegation, from)
			or kind and kind ~= "unavailable" and kind ~= "error" then
		return nil;
	end
	return without(presence, with_plain(with_answers(granted_to)));
end

local heard = { iq = heard_iq; message = heard_message; presence = heard_presence };

-- Whoever asks a session that hides from them learns no more than that nobody answers.
local function bounce(stanza, me)
	if stanza.attr.from and stanza.attr.to == me and wants_answer(stanza) then
		module:send(st.error_reply(stanza, "cancel", "service-unavailable"));
	end
end

local function to_session(delegation, stanza, session)
	if not st.is_stanza(stanza) or not is_stanza(stanza) then
		return stanza; -- of the stream itself
	end
	if is_unbound(session) or answers[stanza] then
		return stanza;
	end
	local me = delegation.username .. "@" .. module.host .. "/" .. delegation.resource;
	local from = stanza.attr.from == nil and jid.bare(me) or jid.prep(stanza.attr.from);
	local found = from and heard[stanza.name](delegation, stanza, from, me);
	if not found then
		module:log("debug", "%s: withheld %s from %s", delegation.id, stanza.name, from);
		bounce(stanza, me);
	end
	return found or nil;
end

---------- On each of its connections ----------

local made = setmetatable({}, { __mode = "k" }); -- delegations whose filters are ours

local function filters_of(delegation, session)
	if not made[delegation] then
		for direction, old in pairs(delegation.filters or {}) do -- from before a reload
			filters.remove_filter(session, direction, old);
		end
		delegation.filters = {
			["stanzas/in"] = function (stanza, s) return from_session(delegation, stanza, s); end;
			["stanzas/out"] = function (stanza, s) return to_session(delegation, stanza, s); end;
		};
		made[delegation] = true;
	end
	return delegation.filters;
end

local function restrict(session, delegation)
	for direction, filter in pairs(filters_of(delegation, session)) do
		filters.add_filter(session, direction, filter, 500);
	end
	return true;
end

module:hook("mobility/restrict", function (event)
	return restrict(event.session, event.delegation);
end);

-- A resumed stream has the filters of the connection that resumed it.
module:hook("smacks-hibernation-end", function (event)
	local session = event.resumed;
	if session and session.mobility_delegation then
		restrict(session, session.mobility_delegation);
	end
end, 10);

for _, user in pairs(prosody.hosts[module.host].sessions or {}) do -- this is a reload
	for _, session in pairs(user.sessions) do
		if session.mobility_delegation then
			restrict(session, session.mobility_delegation);
		end
	end
end
