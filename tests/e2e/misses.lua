-- wrk: three of ten URLs are new, the others are one of a hundred. Mostly small, some of 200 KiB.
local thread = 0
local mine = 0

function setup(t)
  t:set("number", thread)
  thread = thread + 1
end

function init()
  mine = number
  math.randomseed(number + 1)
end

local made = 0

function request()
  made = made + 1
  local path
  if math.random(10) <= 3 then
    path = string.format("/miss/%d/%d", mine, made)
  else
    path = string.format("/hit/%d", math.random(100))
  end
  local size = math.random(50) == 1 and "200KiB" or "5KiB"
  return wrk.format("GET", path .. "?n=1&cc=max-age=3600&size=" .. size)
end
