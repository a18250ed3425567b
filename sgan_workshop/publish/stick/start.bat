@echo off
rem Installs the workshop from this folder, without a network, into your home, and opens the lessons.
setlocal
if not defined SGAN_HOME set "SGAN_HOME=%USERPROFILE%\sgan-workshop"
if exist "%SGAN_HOME%\.venv\learner" goto start
xcopy /e /i /q /y /h "%~dp0project" "%SGAN_HOME%" || exit /b 1
cd /d "%SGAN_HOME%"
py -m sgan_workshop.commands.supported || exit /b 1
py -m venv .venv || exit /b 1
.venv\Scripts\pip install --quiet --disable-pip-version-check --no-index --find-links "%~dp0wheels" -c constraints.txt -e ".[lessons]" || exit /b 1
type nul > .venv\learner
:start
cd /d "%SGAN_HOME%"
if "%~1"=="" (.venv\Scripts\sgan lab) else (.venv\Scripts\sgan %*)
