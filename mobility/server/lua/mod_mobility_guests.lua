-- Guests: visitors without an account (SASL ANONYMOUS), who may use displays only.
--
-- For a virtual host of their own with `authentication = "anonymous"`. Whatever a guest
-- does, it reaches devices of one domain, by full JID, in the namespaces of a visit; and
-- only those reach it. It may read which displays there are. A stream that is resumed
-- changes nothing: the rules are the host's, not the session's.

local hosts = prosody.hosts;
local jid = require "util.jid";
local st = require "util.stanza";
local throttle = require "util.throttle";

local domain = module.host:match("^[^%.]+%.(.+)$") or module.host;
-- Whose devices they may talk to.
local venue = module:get_option_string("mobility_guests_of", domain);
local most = module:get_option_number("mobility_guests_most", 50);
local logins = module:get_option_number("mobility_guests_logins", 60); -- a minute
local lifetime = module:get_option_number("mobility_guests_lifetime", 4 * 60 * 60);
local rate = module:get_option_number("mobility_guests_rate", 0); -- bytes a second

local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
local mobility = "urn:xmpp:tmp:mobility:";
local disco = "http://jabber.org/protocol/disco#";
local visit = {
	[disco .. "info"] = true;
	["urn:xmpp:ping"] = true;
	["http://jabber.org/protocol/bytestreams"] = true;
	["http://jabber.org/protocol/ibb"] = true;
};
local ask = { [disco .. "info"] = true; [disco .. "items"] = true; ["urn:xmpp:ping"] = true };
local proxy = "proxy." .. venue;
local pubsub = "pubsub." .. venue;
local xmlns_pubsub = "http://jabber.org/protocol/pubsub";
local displays = mobility .. "displays:0";

-- What a visit is made of; what devices of one person tell each other is not for guests.
local ours = {};
for _, name in ipairs { "visit"; "login"; "transfer"; "session" } do
	ours[mobility .. name .. ":0"] = true;
end

local function is_ours(xmlns)
	return ours[xmlns or ""];
end

-- Every element of it, so that nothing else rides along.
local function only(stanza, allowed)
	for _, child in ipairs(stanza.tags) do
		local xmlns = child.attr.xmlns;
		local error = stanza.attr.type == "error" and child.name == "error";
		if not error and not allowed[xmlns or ""] and not is_ours(xmlns) then
			return false;
		end
	end
	return true;
end

-- Whatever a client does of itself with a message is in one of these; no app's is.
local xmpp = { "jabber:"; "urn:xmpp:"; "urn:ietf:params:xml:ns:xmpp"; "http://jabber.org/" };

local function is_xmpp(xmlns)
	for _, prefix in ipairs(xmpp) do
		if xmlns:sub(1, #prefix) == prefix then
			return true;
		end
	end
	return false;
end

-- A packet of an app is in the app's own namespace, beside an element of ours, or comes
-- back as an error; it has nothing that a person's client would show.
local function is_packet(message)
	local ours = false;
	for _, child in ipairs(message.tags) do
		local xmlns = child.attr.xmlns or "jabber:client";
		if is_ours(xmlns) or message.attr.type == "error"
				and xmlns == "jabber:client" and child.name == "error" then
			ours = true;
		elseif is_xmpp(xmlns) then
			return false;
		end
	end
	return ours;
end

local function is_of_a_visit(stanza)
	if stanza.name == "message" then
		return stanza.attr.type ~= "groupchat" and is_packet(stanza);
	end
	return stanza.name == "iq" and only(stanza, visit);
end

-- Reading the list of displays, and nothing else that a node may hold.
local function is_about_displays(stanza)
	local request = stanza.tags[1];
	if stanza.attr.type ~= "get" or not request or #stanza.tags ~= 1 then
		return false;
	elseif ask[request.attr.xmlns or ""] then
		return request.attr.node == nil or request.attr.node == displays;
	end
	local items = request.tags[1];
	return request.attr.xmlns == xmlns_pubsub and #request.tags == 1
		and items.name == "items" and items.attr.node == displays;
end

local function may_send(stanza)
	local node, host, resource = jid.split(stanza.attr.to);
	local kind = stanza.attr.type;
	if stanza.name == "presence" then -- to nobody; the server knows that it is there
		return not node and not host and (kind == nil or kind == "unavailable");
	elseif node then
		return host == venue and resource and is_of_a_visit(stanza);
	elseif stanza.name ~= "iq" then
		return false;
	elseif host == proxy then
		return only(stanza, visit) or only(stanza, ask);
	elseif host == pubsub then
		return is_about_displays(stanza);
	end
	return (host == nil or host == module.host or host == venue) and only(stanza, ask);
end

local function may_get(stanza)
	local node, host, resource = jid.split(stanza.attr.from);
	if not node then
		return host == module.host or host == venue or host == proxy or host == pubsub;
	end
	return host == venue and resource and is_of_a_visit(stanza);
end

local function refuse(event, condition)
	local origin, stanza = event.origin, event.stanza;
	local kind = stanza.attr.type;
	if stanza.name ~= "presence" and kind ~= "error" and kind ~= "result" then
		origin.send(st.error_reply(stanza, "auth", condition, "A guest can use displays only"));
	end
	return true;
end

local function sending(event)
	if not may_send(event.stanza) then
		module:log("debug", "A guest may not send this: %s", event.stanza:top_tag());
		return refuse(event, "forbidden");
	end
end

local function getting(event)
	local stanza = event.stanza;
	if event.origin.type == "c2s" and event.origin.host == module.host then
		return; -- of the guest itself: looked at already
	end
	if not may_get(stanza) then
		return refuse(event, "service-unavailable");
	end
end

local function nobody(event)
	if event.origin.type ~= "c2s" or event.origin.host ~= module.host then
		return refuse(event, "service-unavailable");
	end
end

for _, name in ipairs { "iq"; "message"; "presence" } do
	for _, to in ipairs { "full"; "bare"; "host" } do
		module:hook("pre-" .. name .. "/" .. to, sending, 1000);
	end
	module:hook(name .. "/full", getting, 1000);
	module:hook(name .. "/bare", nobody, 1000);
end

-- How many, how often, how long, how fast.

local function count()
	local guests = 0;
	for _ in pairs(hosts[module.host].sessions) do
		guests = guests + 1;
	end
	return guests;
end

local recent = throttle.create(logins, 60);

module:hook("stanza/" .. xmlns_sasl .. ":auth", function (event)
	local session = event.origin;
	if session.type ~= "c2s_unauthed" or session.host ~= module.host then
		return;
	end
	if count() < most and recent:poll(1) then
		return;
	end
	module:log("info", "There are too many guests");
	session.send(st.stanza("failure", { xmlns = xmlns_sasl }):tag("temporary-auth-failure"));
	return true;
end, 1000);

local function limit(session)
	if rate > 0 and session.conn and session.conn.setlimit then
		session.conn:setlimit(rate);
	end
end

local function over(full)
	local session = prosody.full_sessions[full];
	if session then
		session:close({ condition = "policy-violation"; text = "Guests may not stay longer" });
	end
end

local function begin(session)
	local full = session.full_jid;
	limit(session);
	module:add_timer(lifetime, function () over(full); end);
end

module:hook("resource-bind", function (event)
	begin(event.session);
end);

function module.load() -- once more: the timers went with the module that was unloaded
	for _, user in pairs(hosts[module.host].sessions) do
		for _, session in pairs(user.sessions) do
			begin(session);
		end
	end
end

module:hook("smacks-hibernation-end", function (event)
	limit(event.resumed); -- it has another connection now
end);
