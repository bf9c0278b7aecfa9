-- Asks Doorkey whether an app-specific password is good, for Dovecot 2.3. To be put into /etc/dovecot/doorkey.lua as it
-- is; what is yours stands in the file named below.
--
-- Doorkey answers yes, no, or that it can't tell, and so does this: whatever isn't clearly a yes or a no of Doorkey's own
-- is an outage, which Dovecot calls a temporary failure. No app forgets its password over one.

local SETTINGS = "/etc/dovecot/doorkey.secret"
-- As bytes: longer than any password of Doorkey's, and short enough for any proxy between.
local LONGEST = 1024

local auth = dovecot.auth
local settings, client

-- Reads lines of the form "name = value".
local function read()
  local file, why = io.open(SETTINGS)
  if not file then return nil, why end
  local found = {}
  for line in file:lines() do
    local name, value = line:match("^%s*([a-z_]+)%s*=%s*(%S+)%s*$")
    if name then found[name] = value end
  end
  file:close()
  if not (found.door and found.key) then return nil, SETTINGS .. " doesn't have both door = and key =" end
  return found
end

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local encoded = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    local group = ""
    for shift = 3, 0, -1 do
      local letter = math.floor(bits / 64 ^ shift) % 64 + 1
      group = group .. LETTERS:sub(letter, letter)
    end
    encoded[#encoded + 1] = b and (c and group or group:sub(1, 3) .. "=") or group:sub(1, 2) .. "=="
  end
  return table.concat(encoded)
end

-- Dovecot itself writes this to its log, as an error.
local function outage(why)
  return auth.PASSDB_RESULT_INTERNAL_FAILURE, "Doorkey: " .. why
end

-- This is in its log with auth_verbose = yes.
local function refused(request, why)
  request:log_info("Doorkey: " .. why)
  return auth.PASSDB_RESULT_PASSWORD_MISMATCH, why
end

local function ask(request, password)
  -- What is read and opened once is kept by this worker, and so is its connection to Doorkey.
  if not settings then
    local found, why = read()
    if not found then return nil, why end
    settings = found
  end
  client = client or dovecot.http.client {
    connect_timeout_msecs = 3000,
    request_timeout_msecs = 5000,
    request_absolute_timeout_msecs = 6000,
    max_attempts = 2,
    max_idle_time_msecs = 30000,
    no_auto_redirect = true,
  }
  local question = client:request { url = settings.door, method = "GET" }
  question:add_header("Authorization", "Basic " .. base64(request.user .. ":" .. password))
  question:add_header("Doorkey-Service-Key", settings.key)
  if request.rip and request.rip ~= "" then question:add_header("X-Forwarded-For", request.rip) end
  return question:submit()
end

function auth_password_verify(request, password)
  if #password > LONGEST or request.user:find(":", 1, true) then
    return refused(request, "no such password can be")
  end
  local asked, answer, why = pcall(ask, request, password)
  if not asked then return outage(tostring(answer)) end
  if not answer then return outage(why) end

  local status = answer:status()
  if status == 200 then
    local user = answer:header("Remote-User")
    if user == "" then return outage("what answered isn't Doorkey: look at door = in " .. SETTINGS) end
    if user:find("%", 1, true) then return outage("an ID with other than plain letters can't sign in here") end
    local name, domain = user:match("^(.+)@(.+)$")
    local fields = { user = domain == settings.strip_domain and name or user }
    local id = answer:header("Doorkey-App-Password")
    if id ~= "" then fields.user_apppw = id end
    return auth.PASSDB_RESULT_OK, fields
  end
  -- A proxy's own refusals look otherwise.
  if status == 401 and answer:header("WWW-Authenticate"):find('realm="Doorkey"', 1, true) then
    return refused(request, "wrong user name or password")
  end
  if status == 403 and answer:payload() == "" then
    return refused(request, "the password is good, but not for this service or person")
  end
  if status == 403 then
    -- The key may have been replaced since: look again at the next sign-in.
    settings = nil
    return outage("it refuses the service's key, or its door = has the wrong service: look at " .. SETTINGS)
  end
  -- This one would wait longer and longer between its attempts, up to a minute, also when Doorkey is back.
  client = nil
  collectgarbage()
  return outage("it can't tell (" .. status .. " " .. answer:reason() .. ")")
end
