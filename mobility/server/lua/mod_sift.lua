-- XEP-0273: Stanza Interception and Filtering Technology (SIFT), version 0.4.
--
-- Each session says which stanzas it does not want, and its rules are its own: whatever
-- comes for the account is decided for each of its sessions. A session that does not want
-- a message is left out as if it were not connected, so the message goes to the next one
-- that does, and is stored where there is none. What was withheld and is wanted later is
-- replayed, or asked for again.

local filters = require "util.filters";
local datetime = require "util.datetime";
local jid = require "util.jid";
local st = require "util.stanza";
local user_exists = require "core.usermanager".user_exists;

local xmlns_sift = "urn:xmpp:sift:2";
local xmlns_carbons = "urn:xmpp:carbons:2";
local xmlns_forward = "urn:xmpp:forward:0";
local plain = "jabber:client";

local most_allowed = 1000; -- names in the rules of a session; SDK parts listen to 64
local most_withheld = 500; -- presences that one session is told of afterwards
local largest_withheld = 4096; -- bytes of one; of a larger one, that it was there

local post_stanza = prosody.core_post_stanza;
local full_sessions, bare_sessions = prosody.full_sessions, prosody.bare_sessions;
local offline = module:open_store("offline", "archive");

local function set(...)
	local found = {};
	for _, name in ipairs { ... } do
		found[name] = true;
	end
	return found;
end

local kinds = set("iq", "message", "presence", "sub");
local recipients = set("all", "bare", "full");
local senders = { -- whether a rule for them is about an address; nil is the own account
	all = function () return true; end;
	["local"] = function (from, me) return not from or jid.host(from) == jid.host(me); end;
	remote = function (from, me) return from and jid.host(from) ~= jid.host(me); end;
	self = function (from, me) return not from or jid.bare(from) == jid.bare(me); end;
	others = function (from, me) return from and jid.bare(from) ~= jid.bare(me); end;
};

---------- Rules ----------

local function allowed(rule)
	local allow, any = {}, false;
	for _, child in ipairs(rule.tags) do
		local name, xmlns = child.attr.name, child.attr.ns;
		if child.attr.xmlns ~= xmlns_sift then
			return nil, "feature-not-implemented", "This server matches by name only";
		elseif child.name ~= "allow" or not name or name == "" or not xmlns or xmlns == "" then
			return nil, "bad-request", "An <allow/> has a name and a namespace";
		end
		allow[xmlns] = allow[xmlns] or {};
		allow[xmlns][name], any = true, true;
	end
	return any and allow or {};
end

local function read_rule(tag)
	local sender, recipient = tag.attr.sender or "all", tag.attr.recipient or "all";
	if not senders[sender] or not recipients[recipient] then
		return nil, "bad-request", "There is no such sender or recipient";
	end
	local allow, condition, text = allowed(tag);
	if not allow then
		return nil, condition, text;
	end
	return { sender = sender; recipient = recipient; allow = allow; text = tostring(tag) };
end

-- Rules by kind; or nil, the condition of the error, and a text.
local function read(sift)
	local rules, names = {}, 0;
	for _, tag in ipairs(sift.tags) do
		names = names + #tag.tags;
		if tag.attr.xmlns ~= xmlns_sift then
			return nil, "feature-not-implemented", "This server sifts stanzas only";
		elseif not kinds[tag.name] or rules[tag.name] then
			return nil, "bad-request", "One rule for a kind of stanza";
		elseif names > most_allowed then
			return nil, "resource-constraint", "A session's rules name too much";
		end
		local rule, condition, text = read_rule(tag);
		if not rule then
			return nil, condition, text;
		end
		rules[tag.name] = rule;
	end
	return rules;
end

---------- Decisions ----------

local of_sub = set("subscribe", "subscribed", "unsubscribe", "unsubscribed");

-- What a rule is for it; nil: none, as for answers to what the session asked.
local function kind_of(stanza)
	local name, type = stanza.name, stanza.attr.type;
	if stanza.attr.xmlns and stanza.attr.xmlns ~= plain then
		return nil;
	elseif name == "message" then
		return name;
	elseif name == "iq" then
		return (type == "get" or type == "set") and name or nil;
	elseif name == "presence" then
		return of_sub[type] and "sub" or (type == nil or type == "unavailable") and name or nil;
	end
end

-- The message inside a copy of one; only the own account makes them.
local function inside(stanza, session)
	local from, copy = stanza.attr.from, stanza.tags[1];
	if stanza.name == "message" and copy and copy.attr.xmlns == xmlns_carbons
			and (not from or from == jid.bare(session.full_jid)) then
		local forwarded = copy:get_child("forwarded", xmlns_forward);
		return forwarded and forwarded:get_child("message", plain);
	end
end

local function carries(stanza, allow)
	for _, tag in ipairs(stanza.tags) do
		local names = allow[tag.attr.xmlns or plain];
		if names and names[tag.name] then
			return true;
		end
	end
	return false;
end

local function is_to(recipient, stanza, session)
	local to = stanza.attr.to or stanza.name == "iq" and session.full_jid or nil;
	return recipient == "all" or (recipient == "full") == (to == session.full_jid);
end

local function sifts(session, stanza)
	local rule = session.sift and session.sift.rules[kind_of(stanza)];
	if not rule then
		return false;
	end
	local message = inside(stanza, session);
	return senders[rule.sender]((message or stanza).attr.from, session.full_jid)
		and is_to(rule.recipient, stanza, session)
		and not carries(stanza, rule.allow)
		and not (message and carries(message, rule.allow));
end

---------- To the session ----------

-- Whether it says so again when it is probed.
local function is_probed(session, from)
	local item = session.roster and session.roster[jid.bare(from)];
	return jid.bare(from) == jid.bare(session.full_jid)
		or item and (item.subscription == "both" or item.subscription == "to");
end

-- What no probe brings back: who has gone, and who is no contact, as in a room.
local function withhold(session, presence)
	local from, sift = presence.attr.from, session.sift;
	if not from or sift.withheld[from] == nil and sift.count >= most_withheld then
		return;
	end
	local keep = presence.attr.type == "unavailable" or not is_probed(session, from);
	sift.count = sift.count + (keep and 1 or 0) - (sift.withheld[from] and 1 or 0);
	sift.withheld[from] = keep and st.clone(presence, #tostring(presence) > largest_withheld)
		or nil;
end

local function filter_of(session)
	return function (stanza)
		if not st.is_stanza(stanza) or not sifts(session, stanza) then
			return stanza;
		elseif stanza.name == "iq" and stanza.attr.from then
			module:send(st.error_reply(stanza, "cancel", "service-unavailable"));
		elseif kind_of(stanza) == "presence" then
			withhold(session, stanza);
		end
		return nil;
	end;
end

local function remove_filter(session)
	if session.sift and session.sift.filter then
		filters.remove_filter(session, "stanzas/out", session.sift.filter);
		session.sift.filter = nil;
	end
end

-- Behind what restricts a session, and before what counts and queues.
local function add_filter(session)
	session.sift.filter = filter_of(session);
	filters.add_filter(session, "stanzas/out", session.sift.filter, 400);
end

---------- Messages to one of several sessions ----------

-- The sessions that a message to the account goes to (RFC 6121, section 8.5.2.1.1).
local function takers(user, stanza)
	local priority, found = 0, {};
	for _, session in pairs(user.sessions) do
		local its = session.presence and session.priority or -1;
		if its >= priority and not sifts(session, stanza) then
			if its > priority then
				priority, found = its, {};
			end
			found[#found+1] = session;
		end
	end
	return found;
end

local function is_wanted_by_all(user, stanza)
	for _, session in pairs(user.sessions) do
		if sifts(session, stanza) then
			return false;
		end
	end
	return true;
end

-- mod_carbons has given copies to those that it thinks get no original.
local function copied(event, user)
	local top = user.top_resources and user.top_resources[1].priority;
	local is_for_one = full_sessions[event.stanza.attr.to];
	local are_made = module:fire_event("carbons-should-copy", {
		stanza = event.stanza; session = event.origin;
	});
	return function (session)
		return are_made and session.want_carbons and (is_for_one or session.priority ~= top);
	end;
end

local function deliver(sessions, stanza, has_copy)
	local sent = false;
	for _, session in ipairs(sessions) do
		sent = has_copy(session) or session.send(stanza) or sent;
	end
	return sent;
end

local function store(event, username)
	local may = user_exists(username, module.host)
		and not event.stanza:get_child("no-store", "urn:xmpp:hints"); -- XEP-0334
	local stored = may and module:fire_event("message/offline/handle", {
		username = username; origin = event.origin; stanza = event.stanza;
	});
	if not stored then
		event.origin.send(st.error_reply(event.stanza, "cancel", "service-unavailable"));
	end
end

local for_accounts = set("chat", "normal");

-- Other types are for whoever is there, or for one session only: its filter decides.
local function route(event)
	local stanza = event.stanza;
	local to = stanza.attr.to or jid.bare(event.origin.full_jid);
	local user, session = bare_sessions[jid.bare(to)], full_sessions[to];
	if not user or not for_accounts[stanza.attr.type or "normal"]
			or is_wanted_by_all(user, stanza) or session and not sifts(session, stanza) then
		return nil;
	end
	if not deliver(takers(user, stanza), stanza, copied(event, user)) then
		store(event, (jid.split(to)));
	end
	return true;
end

-- After carbons and archives, before mod_message.
module:hook("message/bare", route, -0.75);
module:hook("message/full", route, -0.75);

-- WORKAROUND: mod_message of Prosody 0.12 brings a headline for one's own account to nobody
-- (RFC 6121, section 8.5.2.1.1), since its address has gone on the way there.
module:hook("message/bare", function (event)
	local origin, stanza = event.origin, event.stanza;
	if stanza.attr.type ~= "headline" or stanza.attr.to or not origin.full_jid then
		return nil;
	end
	for _, session in pairs(bare_sessions[jid.bare(origin.full_jid)].sessions) do
		if session.presence and session.priority >= 0 then
			session.send(stanza);
		end
	end
	return true;
end, -0.75);

---------- Messages that are stored ----------

local function stored(username, session)
	local wanted, others = {}, false;
	for key, stanza, when in offline:find(username) or function () end do
		if sifts(session, stanza) then
			others = true;
		else
			wanted[#wanted+1] = { key = key; stanza = stanza; when = when };
		end
	end
	return wanted, others;
end

-- A session gets of the stored messages what it wants; the rest stays for others.
module:hook("message/offline/broadcast", function (event)
	local session = event.origin;
	if not session.sift or not session.sift.rules.message then
		return nil;
	end
	local wanted, others = stored(session.username, session);
	if not others then
		return nil;
	end
	for _, item in ipairs(wanted) do
		item.stanza:tag("delay", {
			xmlns = "urn:xmpp:delay"; from = module.host; stamp = datetime.datetime(item.when);
		}):up();
		session.send(item.stanza);
		offline:delete(session.username, { key = item.key });
	end
	return true;
end, -0.5);

---------- What is wanted again ----------

local function replay_messages(session)
	if session.presence and session.priority >= 0 then
		module:fire_event("message/offline/broadcast", { origin = session });
	end
end

-- Contacts and the own sessions, as after initial presence (RFC 6121, section 4.2.2).
local function probe(session)
	local request = st.presence { from = session.full_jid; type = "probe" };
	for contact, item in pairs(session.roster) do
		if contact and (item.subscription == "both" or item.subscription == "to") then
			request.attr.to = contact;
			post_stanza(session, request, true);
		end
	end
	for _, other in pairs(bare_sessions[jid.bare(session.full_jid)].sessions) do
		if other ~= session and other.presence then
			local presence = st.clone(other.presence);
			presence.attr.to = session.full_jid;
			post_stanza(other, presence, true);
		end
	end
end

local function replay_presence(session, old)
	if session.presence then
		for _, presence in pairs(old.withheld) do
			session.send(presence);
		end
		probe(session);
	end
end

local function replay_subscriptions(session)
	local pending = session.presence and session.roster[false].pending or {};
	for contact, request in pairs(pending) do
		local presence = st.presence();
		if type(request) == "table" then
			presence = st.deserialize(request);
		end
		presence.attr.type, presence.attr.from = "subscribe", contact;
		session.send(presence);
	end
end

local replay = {
	message = replay_messages; presence = replay_presence; sub = replay_subscriptions;
};

local function is_same(rule, other)
	return rule ~= nil and other ~= nil and rule.text == other.text;
end

---------- Requests ----------

local function apply(session, rules)
	local old = session.sift or { rules = {}; withheld = {}; count = 0 };
	remove_filter(session);
	session.sift = next(rules) and { rules = rules; withheld = {}; count = 0 } or nil;
	if session.sift then
		add_filter(session);
		if is_same(old.rules.presence, rules.presence) then
			session.sift.withheld, session.sift.count = old.withheld, old.count;
		end
	end
	for kind, again in pairs(replay) do
		if old.rules[kind] and not is_same(old.rules[kind], rules[kind]) then
			again(session, old);
		end
	end
end

module:hook("iq-set/self/" .. xmlns_sift .. ":sift", function (event)
	local session, stanza = event.origin, event.stanza;
	local rules, condition, text = read(stanza.tags[1]);
	if not rules then
		local type = condition == "bad-request" and "modify" or "cancel";
		session.send(st.error_reply(stanza, type, condition, text));
		return true;
	end
	session.send(st.reply(stanza));
	apply(session, rules);
	return true;
end);

module:add_feature(xmlns_sift);
for kind in pairs(kinds) do
	module:add_feature("urn:xmpp:sift:stanzas:" .. kind);
end
for sender in pairs(senders) do
	module:add_feature("urn:xmpp:sift:senders:" .. sender);
end
for recipient in pairs(recipients) do
	module:add_feature("urn:xmpp:sift:recipients:" .. recipient);
end
module:add_feature("urn:xmpp:sift:payloads:qname");

---------- Over resumption and reloads ----------

-- A resumed stream has the filters of the connection that resumed it.
module:hook("smacks-hibernation-end", function (event)
	local session = event.resumed;
	if session and session.sift then
		add_filter(session);
	end
end, 10);

local function each_session(act)
	for _, user in pairs(prosody.hosts[module.host].sessions or {}) do
		for _, session in pairs(user.sessions) do
			if session.sift then
				act(session);
			end
		end
	end
end

each_session(add_filter); -- this is a reload

function module.unload()
	each_session(remove_filter);
end
